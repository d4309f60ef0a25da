/*
 * RP2040, such as the Raspberry Pi Pico: UART0 on GPIO 0 (sends) and 1 (receives), at 115,200 bits a second from
 * the crystal of 12 MHz, at which the core runs too. The image lies in RAM as a whole, where `picotool load -x`
 * puts it. Compiled and linked only: it never ran.
 */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RESETS_CLEAR REGISTER(0x4000f000U) /* writes of 1 clear bits of RESET */
#define RESETS_DONE REGISTER(0x4000c008U)
#define XOSC_CTRL REGISTER(0x40024000U)
#define XOSC_STATUS REGISTER(0x40024004U)
#define XOSC_STARTUP REGISTER(0x4002400cU)
#define CLK_REF_CTRL REGISTER(0x40008030U)
#define CLK_REF_SELECTED REGISTER(0x40008038U)
#define CLK_SYS_CTRL REGISTER(0x4000803cU)
#define CLK_SYS_SELECTED REGISTER(0x40008044U)
#define CLK_PERI_CTRL REGISTER(0x40008048U)
#define GPIO0_CTRL REGISTER(0x40014004U)
#define GPIO1_CTRL REGISTER(0x4001400cU)
#define UART0_DR REGISTER(0x40034000U)
#define UART0_FR REGISTER(0x40034018U)
#define UART0_IBRD REGISTER(0x40034024U)
#define UART0_FBRD REGISTER(0x40034028U)
#define UART0_LCR_H REGISTER(0x4003402cU)
#define UART0_CR REGISTER(0x40034030U)

#define USED ((1U << 5) | (1U << 8) | (1U << 22)) /* pins, their pads, UART0 */
#define NOTHING_RECEIVED (1U << 4)
#define CANNOT_SEND (1U << 5)
#define DIVISOR_64 ((12000000U * 4U + (115200U / 2U)) / 115200U) /* 12 MHz / 16 / 115,200, times 64 */

/* The boot ROM jumps to the lowest address of an image in RAM. */
__attribute__((naked, used, section(".text.init.enter"))) void board_enter(void)
{
    __asm__ volatile("ldr r0, =__stack\n\t"
                     "msr msp, r0\n\t"
                     "ldr r0, =_start\n\t"
                     "bx r0\n\t"
                     ".ltorg");
}

static void start_clocks(void)
{
    XOSC_STARTUP = 47U; /* a millisecond, in 256 cycles of the crystal */
    XOSC_CTRL = (0xfabU << 12) | 0xaa0U;
    while ((XOSC_STATUS >> 31) == 0U) {
    }
    CLK_REF_CTRL = 2U; /* from the crystal */
    while ((CLK_REF_SELECTED & (1U << 2)) == 0U) {
    }
    CLK_SYS_CTRL = 0U; /* from the reference */
    while ((CLK_SYS_SELECTED & 1U) == 0U) {
    }
    CLK_PERI_CTRL = (1U << 11) | (4U << 5); /* on, from the crystal */
}

void board_start(void)
{
    start_clocks();
    RESETS_CLEAR = USED;
    while ((RESETS_DONE & USED) != USED) {
    }
    UART0_IBRD = DIVISOR_64 / 64U;
    UART0_FBRD = DIVISOR_64 % 64U;
    UART0_LCR_H = (3U << 5) | (1U << 4);         /* eight bits, with queues; takes the divisor over */
    UART0_CR = (1U << 9) | (1U << 8) | 1U; /* receives, sends, on */
    GPIO0_CTRL = 2U;
    GPIO1_CTRL = 2U;
}

uint8_t board_read(void)
{
    while ((UART0_FR & NOTHING_RECEIVED) != 0U) {
    }
    return (uint8_t)(UART0_DR & 0xffU);
}

void board_write(uint8_t byte)
{
    while ((UART0_FR & CANNOT_SEND) != 0U) {
    }
    UART0_DR = byte;
}
