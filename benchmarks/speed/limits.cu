/* W1 as a person writes it by hand for a GPU: a thread has a neuron, and its state stays in registers. */
#include <cuda_runtime.h>
#include <stdint.h>

/* As in limits.c; here `packed` lies on the device, and the other tables are not used. */
struct neuron {
    int32_t threshold, reset, period;
    int32_t start, last, domain_shift;
    int32_t growth_shift, sum_low, sum_high;
    int32_t gain_shift, lowest, highest;
    const int32_t *growth, *gain, *packed;
};

static __device__ int32_t clip(int32_t x, int32_t low, int32_t high)
{
    return min(max(x, low), high);
}

static __global__ void neurons(
    struct neuron n, int32_t steps, int32_t count, const int16_t *drive, int16_t *membrane, int16_t *spikes)
{
    const int32_t j = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j >= count)
        return;
    int32_t u = membrane[j], wait = 0, fired = 0;
    for (int32_t t = 0; t < steps; ++t) {
        const int32_t v = u >= n.threshold ? n.reset : u;
        const uint32_t entry = (uint32_t)__ldg(n.packed + clip(v, n.start, n.last) - n.start);
        const int32_t pull = ((int32_t)(entry >> 16) << n.growth_shift) - v + drive[(int64_t)t * count + j];
        const int64_t product = (int64_t)(entry & 0xFFFF) * clip(pull, n.sum_low, n.sum_high);
        const int32_t move = (int32_t)((product + (INT64_C(1) << (n.gain_shift - 1))) >> n.gain_shift);
        const int32_t moved = clip(min(v + move, n.threshold), n.lowest, n.highest);
        u = wait > 0 ? v : moved;
        const bool spike = u >= n.threshold;
        wait = spike ? n.period : max(wait - 1, 0);
        fired += spike;
    }
    membrane[j] = (int16_t)u;
    spikes[j] = (int16_t)fired;
}

/* All arrays lie on the host; returns milliseconds of the kernel in the fastest of some runs, -1 for an error. */
extern "C" float w1_cuda(
    const struct neuron *n, int64_t codes, int64_t steps, int64_t count, const int16_t *drive, int16_t *membrane,
    int16_t *spikes)
{
    struct neuron there = *n;
    int16_t *drives, *membranes, *counts;
    int32_t *packed;
    const size_t row = (size_t)count * sizeof *drive;
    cudaMalloc(&drives, row * (size_t)steps);
    cudaMalloc(&membranes, row);
    cudaMalloc(&counts, row);
    cudaMalloc(&packed, (size_t)codes * sizeof *packed);
    cudaMemcpy(drives, drive, row * (size_t)steps, cudaMemcpyHostToDevice);
    cudaMemcpy(packed, n->packed, (size_t)codes * sizeof *packed, cudaMemcpyHostToDevice);
    there.packed = packed;
    cudaEvent_t before, after;
    cudaEventCreate(&before);
    cudaEventCreate(&after);
    float best = -1.0f;
    for (int run = 0; run < 9; ++run) {
        float now = 0.0f;
        cudaMemcpy(membranes, membrane, row, cudaMemcpyHostToDevice);
        cudaEventRecord(before);
        neurons<<<(unsigned)((count + 127) / 128), 128>>>(
            there, (int32_t)steps, (int32_t)count, drives, membranes, counts);
        cudaEventRecord(after);
        cudaEventSynchronize(after);
        cudaEventElapsedTime(&now, before, after);
        best = best < 0.0f || now < best ? now : best;
    }
    cudaMemcpy(membrane, membranes, row, cudaMemcpyDeviceToHost);
    cudaMemcpy(spikes, counts, row, cudaMemcpyDeviceToHost);
    const bool failed = cudaGetLastError() != cudaSuccess;
    cudaFree(drives);
    cudaFree(membranes);
    cudaFree(counts);
    cudaFree(packed);
    return failed ? -1.0f : best;
}
