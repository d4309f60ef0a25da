/* Arm MPS2 with AN386 as QEMU has it: UART0 of the CMSDK. Real clocks were not looked at. */
#include "board.h"

#define UART0 (0x40004000U)
#define REGISTER(offset) (*(volatile uint32_t *)(UART0 + (offset)))
#define DATA REGISTER(0x00U)
#define STATE REGISTER(0x04U) /* 1: no room to send, 2: a byte is there */
#define CTRL REGISTER(0x08U)  /* 1: sends, 2: receives */
#define BAUDDIV REGISTER(0x10U)

void board_start(void)
{
    BAUDDIV = 25000000U / 115200U;
    CTRL = 3U;
}

uint8_t board_read(void)
{
    while ((STATE & 2U) == 0U) {
    }
    return (uint8_t)(DATA & 0xffU);
}

void board_write(uint8_t byte)
{
    while ((STATE & 1U) != 0U) {
    }
    DATA = byte;
}
