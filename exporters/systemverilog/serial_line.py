"""The modules at both ends of a serial line."""

__all__ = ["CHECKSUM", "RECEIVER", "TRANSMITTER"]

RECEIVER = """\
// Bytes of a serial line, 8N1; each bit is read in its middle.
module serial_receiver #(
    parameter int CLOCKS_PER_BIT = 12
) (
    input  logic clk,
    input  logic rst,
    input  logic line,
    output logic valid,
    output logic [7:0] data
);
    localparam int BITS = $clog2(2 * CLOCKS_PER_BIT);
    logic [1:0] settled = '1;
    always_ff @(posedge clk) settled <= {settled[0], line};

    logic [BITS-1:0] remaining;  // clocks to the next reading
    logic [3:0] left;            // readings: eight bits, then the stop bit
    logic reading;
    assign reading = left != '0 && remaining == '0;
    always_ff @(posedge clk)
        if (rst) left <= '0;
        else if (left == '0) left <= settled[1] ? 4'd0 : 4'd9;
        else if (reading) left <= left - 1'b1;
    always_ff @(posedge clk)
        if (left == '0) remaining <= BITS'(CLOCKS_PER_BIT + CLOCKS_PER_BIT / 2 - 2);
        else if (reading) remaining <= BITS'(CLOCKS_PER_BIT - 1);
        else remaining <= remaining - 1'b1;
    always_ff @(posedge clk) if (reading && left != 4'd1) data <= {settled[1], data[7:1]};
    always_ff @(posedge clk) valid <= reading && left == 4'd1 && settled[1] && !rst;
endmodule
"""

CHECKSUM = """\
// One byte further in a checksum: CRC-16 with the polynomial 0x1021, the highest bit first.
module serial_checksum (
    input  logic [15:0] sum,
    input  logic [7:0] data,
    output logic [15:0] next
);
    always_comb begin
        next = sum ^ {data, 8'd0};
        for (int i = 0; i < 8; i++) next = {next[14:0], 1'b0} ^ (next[15] ? 16'h1021 : 16'd0);
    end
endmodule
"""

TRANSMITTER = """\
// Six bytes over a serial line, 8N1, the lowest first; `ready` is up when all of them can be taken. Where the
// highest bit of the second is set, the checksum begins anew behind them; where they are 00 80, they hold it.
module serial_transmitter #(
    parameter int CLOCKS_PER_BIT = 12
) (
    input  logic clk,
    input  logic rst,
    input  logic valid,
    output logic ready,
    input  logic [47:0] data,
    output logic line
);
    localparam int BITS = $clog2(CLOCKS_PER_BIT);
    logic [47:0] waiting;
    logic [2:0] count;  // bytes that wait
    logic [9:0] frame;
    logic [3:0] left;  // bits of the byte on the line
    logic [BITS-1:0] remaining;
    logic last, anew, closes, fetch;
    assign ready = count == '0 && left == '0;
    assign fetch = count != '0 && left == '0;
    assign last = remaining == '0;
    assign line = left == '0 || frame[0];

    logic [15:0] sum, next;
    serial_checksum further (
        .sum(sum),
        .data(waiting[7:0]),
        .next(next)
    );
    always_ff @(posedge clk)
        if (rst || (fetch && anew && count == 3'd1)) sum <= '1;
        else if (fetch && (!anew || count > 3'd4)) sum <= next;
    logic [7:0] chosen;
    assign chosen = closes && count == 3'd4 ? sum[15:8] : closes && count == 3'd3 ? sum[7:0] : waiting[7:0];

    always_ff @(posedge clk)
        if (rst) begin
            count <= '0;
            left <= '0;
        end else if (ready) count <= valid ? 3'd6 : 3'd0;
        else if (fetch) begin
            count <= count - 1'b1;
            left <= 4'd10;
        end else if (last) left <= left - 1'b1;
    always_ff @(posedge clk)
        if (left == '0 || last) remaining <= BITS'(CLOCKS_PER_BIT - 1);
        else remaining <= remaining - 1'b1;
    always_ff @(posedge clk)
        if (ready) begin
            waiting <= data;
            anew <= data[15];
            closes <= data[15:0] == 16'h8000;
        end else if (fetch) waiting <= {8'd0, waiting[47:8]};
    always_ff @(posedge clk)
        if (fetch) frame <= {1'b1, chosen, 1'b0};
        else if (last) frame <= {1'b1, frame[9:1]};
endmodule
"""
