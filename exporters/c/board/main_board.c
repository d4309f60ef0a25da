#include "board.h"
#include "protocol.h"

int main(void)
{
    board_start();
    for (;;) {
        expifref_receive(board_read());
    }
}
