#ifndef EXPIFREF_PROTOCOL_H
#define EXPIFREF_PROTOCOL_H

#include <stdint.h>

/*
 * What a host says over a serial line, byte by byte, and what it is answered by board_write: packets of four
 * bytes in, of six bytes out. See docs/board.md of expifref.
 */
void expifref_receive(uint8_t byte);

#endif
