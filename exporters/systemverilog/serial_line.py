"""The modules at both ends of a serial line."""

__all__ = ["RECEIVER", "TRANSMITTER"]

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

TRANSMITTER = """\
// Six bytes over a serial line, 8N1, the lowest first; `ready` is up when all of them can be taken.
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
    logic [59:0] frame;
    logic [5:0] left;
    logic [BITS-1:0] remaining;
    logic last;
    assign ready = left == '0;
    assign last = remaining == '0;
    assign line = ready || frame[0];
    always_ff @(posedge clk)
        if (rst) left <= '0;
        else if (ready) left <= valid ? 6'd60 : 6'd0;
        else if (last) left <= left - 1'b1;
    always_ff @(posedge clk)
        if (ready || last) remaining <= BITS'(CLOCKS_PER_BIT - 1);
        else remaining <= remaining - 1'b1;
    always_ff @(posedge clk)
        if (ready)
            frame <= {1'b1, data[47:40], 1'b0, 1'b1, data[39:32], 1'b0, 1'b1, data[31:24], 1'b0,
                      1'b1, data[23:16], 1'b0, 1'b1, data[15:8], 1'b0, 1'b1, data[7:0], 1'b0};
        else if (last) frame <= {1'b1, frame[59:1]};
endmodule
"""
