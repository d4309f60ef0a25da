#include "protocol.h"

#include "board.h"
#include "network.h"
#include "program.h"

enum { EVENT = 1, TICK = 2, CLOSED = 0x8000, IDENTITY = 0x8001, REFUSED = 0x8002 };
enum { DIFFERS = 1, OUTSIDE = 3 };

#ifdef EXPIFREF_INPUT_MIN
typedef int8_t network_input;
#else
typedef uint8_t network_input;
#endif

static const uint8_t hello[4] = {0xf0U, 0xe1U, 0xd2U, 0xc3U};
static const uint8_t known_as[4] = EXPIFREF_KNOWN_AS;

static uint8_t packet[4]; /* the last four bytes */
static uint32_t count;    /* bytes of the packet that is coming */
static uint32_t greeted;  /* whether anything but a hello counts */
static uint16_t sum_in;
static uint16_t sum_out;
static network_input spikes[EXPIFREF_INPUTS];

/* CRC-16 with the polynomial 0x1021, the highest bit first. */
static uint16_t summed(uint16_t sum, uint8_t byte)
{
    uint32_t next = (uint32_t)sum ^ ((uint32_t)byte << 8);
    for (uint32_t i = 0U; i < 8U; ++i) {
        next = ((next & 0x8000U) != 0U) ? ((next << 1) ^ 0x1021U) : (next << 1);
    }
    return (uint16_t)(next & 0xffffU);
}

static void say(uint8_t byte)
{
    sum_out = summed(sum_out, byte);
    board_write(byte);
}

static void say_index(uint32_t index)
{
    say((uint8_t)(index & 0xffU));
    say((uint8_t)(index >> 8));
}

static void say_value(uint32_t index, uint32_t value)
{
    say_index(index);
    for (uint32_t i = 0U; i < 4U; ++i) {
        say((uint8_t)((value >> (8U * i)) & 0xffU));
    }
}

static void say_end(void)
{
    say_index(CLOSED);
    const uint16_t sum = sum_out;
    say((uint8_t)(sum >> 8));
    say((uint8_t)(sum & 0xffU));
    say(0U);
    say(0U);
    sum_out = 0xffffU;
}

static void begin_step(void)
{
    sum_in = 0xffffU;
    for (uint32_t i = 0U; i < EXPIFREF_INPUTS; ++i) {
        spikes[i] = 0;
    }
}

static void refuse(uint32_t reason)
{
    greeted = 0U;
    say_value(REFUSED, reason);
}

static void greet(void)
{
    expifref_reset();
    begin_step();
    count = 0U;
    greeted = 1U;
    say_index(IDENTITY);
    for (uint32_t i = 0U; i < 4U; ++i) {
        say(known_as[i]);
    }
    sum_out = 0xffffU;
}

#ifdef EXPIFREF_INPUT_MIN
static int32_t value_of(uint8_t byte)
{
    return (byte < 128U) ? (int32_t)byte : ((int32_t)byte - 256);
}

static uint32_t is_outside(int32_t value)
{
    return ((value < EXPIFREF_INPUT_MIN) || (value > EXPIFREF_INPUT_MAX)) ? 1U : 0U;
}
#else
static uint32_t value_of(uint8_t byte)
{
    return byte;
}

static uint32_t is_outside(uint32_t value)
{
    return (value > EXPIFREF_INPUT_MAX) ? 1U : 0U;
}
#endif

static void take_event(void)
{
    const uint32_t index = (uint32_t)packet[1] | ((uint32_t)packet[2] << 8);
    if ((index >= EXPIFREF_INPUTS) || (is_outside(value_of(packet[3])) != 0U)) {
        refuse(OUTSIDE);
    } else {
        spikes[index] = (network_input)value_of(packet[3]);
    }
}

static void take_tick(void)
{
    static expifref_output readout[EXPIFREF_OUTPUTS];
    if (sum_in != 0U) { /* which the sum behind its own checksum is */
        refuse(DIFFERS);
        return;
    }
    expifref_step(spikes, readout);
    begin_step();
    for (uint32_t j = 0U; j < EXPIFREF_OUTPUTS; ++j) {
        if (EXPIFREF_GRADED) {
            say_value(j, (uint32_t)readout[j]);
        } else if (readout[j] != 0) {
            say_value(j, 0U);
        }
    }
    say_end();
}

void expifref_receive(uint8_t byte)
{
    uint32_t is_hello = 1U;
    for (uint32_t i = 0U; i < 4U; ++i) {
        packet[i] = (i < 3U) ? packet[i + 1U] : byte;
        is_hello &= (packet[i] == hello[i]) ? 1U : 0U;
    }
    if (is_hello != 0U) {
        greet();
        return;
    }
    if (greeted == 0U) {
        return;
    }
    sum_in = summed(sum_in, byte);
    count = (count + 1U) % 4U;
    if (count != 0U) {
        return;
    }
    if (packet[0] == EVENT) {
        take_event();
    } else if (packet[0] == TICK) {
        take_tick();
    }
}
