#ifndef EXPIFREF_BOARD_H
#define EXPIFREF_BOARD_H

#include <stdint.h>

/* All that the firmware needs of a board: a serial line, 8N1. Both wait, without an end where nothing happens. */
void board_start(void);
uint8_t board_read(void);
void board_write(uint8_t byte);

#endif
