// Verify the byte vectors of spec/vectors with Node alone: node javascript/verify.mjs FOLDER
//
// Written from docs/spec-format.md. A receiver takes the frames of each vector; what it accepts,
// or refuses, is compared with what the vector says. Contents are not judged: no schemas here.

import { createHmac, getHashes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const DELIMITER = Buffer.from("<IDS|MSG>");
const PARTS = ["header", "parent_header", "metadata", "content"];
const HASHES = {
  blake2b: "blake2b512", blake2s: "blake2s256", sha3_224: "sha3-224", sha3_256: "sha3-256",
  sha3_384: "sha3-384", sha3_512: "sha3-512",
};

class Refused extends Error {
  constructor(stage, why) {
    super(`${stage}: ${why}`);
    this.stage = stage;
  }
}

class Missing extends Error {} // a hash that this verifier lacks

function hashOf(scheme) {
  const name = scheme.replace(/^hmac-/, "");
  const here = HASHES[name] ?? name;
  if (!getHashes().some((one) => one.toLowerCase() === here)) throw new Missing(scheme);
  return here;
}

function sign({ key, signature_scheme: scheme }, dicts) {
  if (!key) return "";
  const hmac = createHmac(hashOf(scheme), Buffer.from(key, "utf-8"));
  for (const one of dicts) hmac.update(one);
  return hmac.digest("hex");
}

function split(frames) {
  const start = frames.findIndex((one) => one.equals(DELIMITER));
  if (start < 0) throw new Refused("framing", "no delimiter");
  return [frames.slice(0, start), frames.slice(start + 1)];
}

function trust(vector, signature, dicts) {
  const wanted = sign(vector, dicts);
  if (wanted && signature.toString("latin1") !== wanted) throw new Refused("signature", "not ours");
}

function object(data, name) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch (error) {
    throw new Refused("json", `${name}: ${error.message}`);
  }
  const nothing = value === null && (name === "parent_header" || name === "metadata");
  if (nothing) return {}; // a quirk of known peers
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Refused("json", `${name} is no object`);
  }
  return value;
}

function checkHeader(header, name) {
  for (const key of ["msg_id", "msg_type"]) {
    if (!(key in header)) throw new Refused("header", `${name} has no ${key}`);
  }
  for (const key of ["msg_id", "msg_type", "session", "username", "date", "version"]) {
    if (key in header && typeof header[key] !== "string") {
      throw new Refused("header", `${name}.${key} is no text`);
    }
  }
  if (!["string", "undefined"].includes(typeof (header.subshell_id ?? undefined))) {
    throw new Refused("header", `${name}.subshell_id is no text`);
  }
}

class Receiver {
  constructor(vector) {
    this.vector = vector;
    this.window = vector.replay_window ?? 65536;
    this.seen = new Set();
  }

  open(frames) {
    const [identities, rest] = split(frames);
    if (rest.length < 5) throw new Refused("framing", "too few frames");
    const [signature, ...others] = rest;
    trust(this.vector, signature, others.slice(0, 4));
    const message = {};
    PARTS.forEach((name, at) => (message[name] = object(others[at], name)));
    checkHeader(message.header, "header");
    if (Object.keys(message.parent_header).length) checkHeader(message.parent_header, "parent");
    this.remember(signature.toString("latin1"));
    message.buffers = others.slice(4).map((one) => one.toString("hex"));
    return [identities.map((one) => one.toString("hex")), message];
  }

  remember(signature) {
    if (!this.vector.key) return;
    if (this.seen.has(signature)) throw new Refused("replay", "seen before");
    this.seen.add(signature);
    if (this.seen.size > this.window) this.seen.delete(this.seen.values().next().value);
  }
}

function openRegistration(vector, frames) {
  const [identities, rest] = split(frames);
  if (rest.length !== 2) throw new Refused("framing", "not a signature and one content");
  trust(vector, rest[0], [rest[1]]);
  return [identities.map((one) => one.toString("hex")), { content: object(rest[1], "content") }];
}

/** Return what is wrong with how a step was taken; empty if it is as it should be. */
function judge(step, take) {
  let taken;
  try {
    taken = take(step.frames.map((one) => Buffer.from(one, "hex")));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (step.result === "valid") return `refused: ${error.message}`;
    const stage = step.result === "invalid" && step.stage && step.stage !== error.stage;
    return stage ? `refused at ${error.stage}, wanted ${step.stage}` : "";
  }
  if (step.result === "invalid") return step.stage === "content" ? "" : `accepted: ${step.breaks}`;
  if (!("decoded" in step)) return "";
  const [identities, message] = taken;
  const wanted = { ...step.decoded };
  for (const { at } of step.exact ?? []) mask(message, at); // decoded has null there
  if (!isDeepStrictEqual(message, wanted)) return "decoded otherwise";
  return isDeepStrictEqual(identities, step.identities) ? "" : "other identities";
}

function mask(message, pointer) {
  const path = pointer.split("/").slice(1).map((one) => one.replace(/~1/g, "/").replace(/~0/g, "~"));
  const last = path.pop();
  const place = path.reduce((value, key) => value[key], message);
  place[last] = null;
}

function verify(vector) {
  switch (vector.kind) {
    case "message": {
      const receiver = new Receiver(vector);
      return judge(vector, (frames) => receiver.open(frames));
    }
    case "sequence": {
      const receiver = new Receiver(vector);
      return vector.sequence
        .map((step, at) => [at, judge(step, (frames) => receiver.open(frames))])
        .filter(([, wrong]) => wrong)
        .map(([at, wrong]) => `step ${at}: ${wrong}`)
        .join("; ");
    }
    case "version-3-message":
      return judge({ frames: vector.frames, result: "invalid" }, (frames) =>
        new Receiver(vector).open(frames));
    case "registration-message":
      return judge(vector, (frames) => openRegistration(vector, frames));
    default:
      return null;
  }
}

const folder = process.argv[2] ?? "spec/vectors";
const count = { right: 0, wrong: 0, "left out": 0 };
for (const name of readdirSync(folder).filter((one) => one.endsWith(".json")).sort()) {
  const file = JSON.parse(readFileSync(`${folder}/${name}`, "utf-8"));
  if (file.format !== 1) throw new Error(`${name}: wanted format 1, found ${file.format}`);
  for (const vector of file.vectors) {
    let wrong = null;
    try {
      wrong = verify(vector);
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
    }
    if (wrong) console.log(`${vector.id}: ${wrong}`);
    count[wrong === null ? "left out" : wrong ? "wrong" : "right"] += 1;
  }
}
console.log(Object.entries(count).map(([word, number]) => `${number} ${word}`).join(", "));
process.exitCode = count.wrong ? 1 : 0;
