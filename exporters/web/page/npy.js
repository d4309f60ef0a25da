// Recordings of the user's own: arrays of NumPy, as `expifref emulate --input` takes them.
"use strict";
globalThis.expifref ??= {};

const MAGIC = "\x93NUMPY";
const KINDS = { "|u1": Uint8Array, "|b1": Uint8Array, "|i1": Int8Array };

const headOf = (bytes) => {
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 12 || text(0, 6) !== MAGIC) {
    throw new Error("A recording must be an .npy file of NumPy, but this file is none: save it with numpy.save.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [start, length] = bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const head = text(start, start + Math.min(length, 10000));
  const shape = /'shape': \(([0-9, ]*)\)/.exec(head)?.[1].split(",").filter((part) => part.trim() !== "").map(Number);
  const kind = /'descr': '([^']*)'/.exec(head)?.[1];
  return { shape, kind, inRows: head.includes("'fortran_order': False"), start: start + length };
};

// The samples of the file `bytes`, spikes `[steps, samples, inputs]`, for the input that `port` tells of.
expifref.readNpy = (bytes, port) => {
  const { shape, kind, inRows, start } = headOf(bytes);
  if (shape === undefined || shape.length !== 3 || shape[2] !== port.channels || shape.includes(0)) {
    throw new Error(`A recording must have the shape [steps, samples, ${port.channels}], not [${shape ?? "unknown"}].`);
  }
  if (!(kind in KINDS) || !inRows) {
    throw new Error(`A recording must be of uint8, int8 or bool and in C order, not ${kind}${inRows ? "" : " in Fortran order"}.`);
  }
  const [steps, samples, inputs] = shape;
  const values = new KINDS[kind](bytes.slice(start).buffer);
  if (values.length !== steps * samples * inputs) {
    throw new Error(`A recording of ${steps * samples * inputs} values must hold so many bytes, not ${values.length}: it is cut off.`);
  }
  const outside = values.find((value) => value < port.least || value > port.largest);
  if (outside !== undefined) {
    throw new Error(`The values of a recording must lie in ${port.least}..${port.largest}, but ${outside} is among them.`);
  }
  const whole = new Uint8Array(values.buffer);
  return Array.from({ length: samples }, (_, sample) => {
    const frames = new Uint8Array(steps * inputs);
    for (let step = 0; step < steps; step += 1) {
      const from = (step * samples + sample) * inputs;
      frames.set(whole.subarray(from, from + inputs), step * inputs);
    }
    return { name: `sample ${sample} of the file`, label: null, steps, counted: steps, frames, ofFile: true };
  });
};
