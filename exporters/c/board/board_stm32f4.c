/*
 * STM32F4 on a Nucleo-64 board (F401RE, F411RE, F446RE): USART2 on PA2 and PA3, which its debugger makes a serial
 * port of, at 115,200 bits a second from the internal clock of 16 MHz. Tried in QEMU's STM32F405 only.
 */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_AHB1ENR REGISTER(0x40023830U)
#define RCC_APB1ENR REGISTER(0x40023840U)
#define GPIOA_MODER REGISTER(0x40020000U)
#define GPIOA_AFRL REGISTER(0x40020020U)
#define USART2_SR REGISTER(0x40004400U)
#define USART2_DR REGISTER(0x40004404U)
#define USART2_BRR REGISTER(0x40004408U)
#define USART2_CR1 REGISTER(0x4000440cU)

#define RECEIVED (1U << 5)
#define CAN_SEND (1U << 7)

void board_start(void)
{
    RCC_AHB1ENR |= 1U;       /* port A */
    RCC_APB1ENR |= 1U << 17; /* USART2 */
    (void)RCC_APB1ENR;       /* a clock needs two cycles to come up */
    GPIOA_AFRL = (GPIOA_AFRL & ~0xff00U) | 0x7700U;
    GPIOA_MODER = (GPIOA_MODER & ~0xf0U) | 0xa0U;
    USART2_BRR = (16000000U + (115200U / 2U)) / 115200U;
    USART2_CR1 = (1U << 13) | (1U << 3) | (1U << 2); /* on, sends, receives */
}

uint8_t board_read(void)
{
    while ((USART2_SR & RECEIVED) == 0U) {
    }
    return (uint8_t)(USART2_DR & 0xffU);
}

void board_write(uint8_t byte)
{
    while ((USART2_SR & CAN_SEND) == 0U) {
    }
    USART2_DR = byte;
}
