// A simulated board: the serial design of Verilator at the master of a pseudo-terminal, whose other end it prints.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <deque>

#include "Vserial_network.h"
#include "verilated.h"

namespace {

constexpr int kClocksPerBit = CLOCKS_PER_BIT;
constexpr int kBits = 10;
constexpr int kQuiet = 20000;  // clocks without a byte, after which time may pass without clocks
constexpr int kLook = 512;     // clocks between two looks at the pseudo-terminal

int open_terminal()
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        perror("pseudo-terminal");
        exit(1);
    }
    const int other = open(ptsname(master), O_RDWR | O_NOCTTY);  // kept, so that there is always one
    termios raw{};
    tcgetattr(other, &raw);
    cfmakeraw(&raw);
    tcsetattr(other, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    printf("%s\n", ptsname(master));
    fflush(stdout);
    return master;
}

// The bits of one byte on a wire, the start bit first.
struct Sender {
    std::deque<uint8_t> bytes;
    unsigned frame = 1;
    int left = 0;
    int clocks = 0;

    bool busy() const { return left > 0 || !bytes.empty(); }
    int level()
    {
        if (clocks == 0 && left == 0 && !bytes.empty()) {
            frame = 0x200U | (static_cast<unsigned>(bytes.front()) << 1);
            bytes.pop_front();
            left = kBits;
        }
        if (left == 0) {
            return 1;
        }
        const int bit = static_cast<int>(frame & 1U);
        if (++clocks == kClocksPerBit) {
            clocks = 0;
            frame >>= 1;
            --left;
        }
        return bit;
    }
};

struct Listener {
    int since = -1;  // clocks since the start bit; -1: none
    unsigned byte = 0;

    bool busy() const { return since >= 0; }
    bool hears(int level, uint8_t* heard)
    {
        if (since < 0) {
            since = (level == 0) ? 0 : -1;
            return false;
        }
        ++since;
        const int middle = since - kClocksPerBit / 2;
        if (middle <= 0 || middle % kClocksPerBit != 0) {
            return false;
        }
        const int bit = middle / kClocksPerBit;
        if (bit <= 8) {
            byte = (byte >> 1) | (level != 0 ? 0x80U : 0U);
            return false;
        }
        since = -1;
        *heard = static_cast<uint8_t>(byte);
        return true;
    }
};

void write_all(int file, const uint8_t* bytes, size_t count)
{
    while (count > 0) {
        const ssize_t done = write(file, bytes, count);
        if (done > 0) {
            bytes += done;
            count -= static_cast<size_t>(done);
        } else {
            usleep(100);
        }
    }
}

}  // namespace

int main()
{
    const int master = open_terminal();
    VerilatedContext context;
    Vserial_network board(&context);
    Sender sender;
    Listener listener;
    board.button = 0;
    board.receive = 1;
    for (int quiet = 0, look = 0;; ++look) {
        if (quiet >= kQuiet || look == kLook) {
            look = 0;
            pollfd wait{master, POLLIN, 0};
            poll(&wait, 1, quiet >= kQuiet ? 1000 : 0);
            uint8_t got[256];
            const ssize_t count = read(master, got, sizeof got);
            sender.bytes.insert(sender.bytes.end(), got, got + (count > 0 ? count : 0));
            if (count < 0 && quiet >= kQuiet && getppid() == 1) {
                return 0;  // whoever started it is gone
            }
        }
        board.receive = static_cast<CData>(sender.level());
        board.clk = 0;
        board.eval();
        board.clk = 1;
        board.eval();
        uint8_t heard = 0;
        if (listener.hears(board.transmit, &heard)) {
            write_all(master, &heard, 1);
        }
        quiet = (sender.busy() || listener.busy()) ? 0 : quiet + (quiet < kQuiet ? 1 : 0);
    }
}
