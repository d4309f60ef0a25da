// From pixels to the steps of an input, to the same bits as the encoders that the network was trained with.
"use strict";
globalThis.expifref ??= {};

const WORD = (1n << 64n) - 1n;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const ROUNDS = 10;

// Four random words of 64 bits: Philox 4x64 (Salmon et al. 2011), block number `counter` of the stream `key`.
const philox = (counter, key) => {
  let words = [counter, 0n, 0n, 0n];
  let [left, right] = key;
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = MULTIPLIERS[0] * words[0];
    const second = MULTIPLIERS[1] * words[2];
    words = [
      (second >> 64n) ^ words[1] ^ left,
      second & WORD,
      (first >> 64n) ^ words[3] ^ right,
      first & WORD,
    ];
    left = (left + WEYL[0]) & WORD;
    right = (right + WEYL[1]) & WORD;
  }
  return words;
};

// `count` random numbers below 65536 of the sample `number` under `seed`.
const draws = (count, seed, number) => {
  const found = new Uint16Array(Math.ceil(count / 16) * 16);
  const key = [BigInt(seed), BigInt(number)];
  for (let place = 0, block = 1n; place < count; block += 1n) {
    for (const word of philox(block, key)) {
      for (let shift = 0n; shift < 64n; shift += 16n) {
        found[place] = Number((word >> shift) & 0xffffn);
        place += 1;
      }
    }
  }
  return found;
};

// To the nearest whole number, from the middle to the even one.
const nearest = (value) => {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) {
    return rest < 0.5 ? floor : floor + 1;
  }
  return floor % 2 === 0 ? floor : floor + 1;
};

const STATIC = {
  rate: (values, steps, seed, number) => {
    const random = draws(steps * values.length, seed, number);
    const chances = Array.from(values, (value) => nearest(value * 65536));
    return Uint8Array.from({ length: steps * values.length }, (_, place) => Number(random[place] < chances[place % values.length]));
  },
  latency: (values, steps) => {
    const frames = new Uint8Array(steps * values.length);
    values.forEach((value, input) => {
      if (value > 0) {
        const step = nearest(Math.fround(Math.fround(1 - value) * (steps - 1)));
        frames[step * values.length + input] = 1;
      }
    });
    return frames;
  },
  current: (values, steps) => {
    const frames = new Uint8Array(steps * values.length);
    const frame = Uint8Array.from(values, (value) => nearest(Math.fround(value * 255)));
    for (let step = 0; step < steps; step += 1) {
      frames.set(frame, step * values.length);
    }
    return frames;
  },
};

// `values`, a Float32Array of numbers from 0 to 1, as bytes for each step and input.
expifref.encode = (name, values, steps, seed, number) => STATIC[name](values, steps, seed, number);
