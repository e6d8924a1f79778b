// Verify the byte vectors of spec/vectors with Rust alone:
//
//     rustc --edition 2021 -O rust/verify.rs && ./verify FOLDER
//
// Written from docs/spec-format.md. There are no crates, so JSON and SHA-256 are beside this; the
// vectors of other hashes are left out. Contents are not judged: no schemas here.
mod hmac;
mod json;

use hmac::sign;
use json::Json::{self, Null, Number, Object, Text};
use json::{chars, Reader};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::{env, fs, process};

type Frames = Vec<Vec<u8>>;
const PARTS: [&str; 4] = ["header", "parent_header", "metadata", "content"];

fn unhex(text: &str) -> Vec<u8> { (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect() }
fn frames(step: &Json, key: &str) -> Frames { step.list(key).iter().map(|f| unhex(&f.text().unwrap())).collect() }

struct Receiver { key: Vec<u8>, window: usize, seen: HashSet<Vec<u8>>, order: VecDeque<Vec<u8>> }

impl Receiver {
    /// Return identities, dicts and buffers, or the stage at which the frames are refused.
    fn open(&mut self, all: &Frames, dicts: usize) -> Result<(Frames, Vec<Json>, Frames), &'static str> {
        let start = all.iter().position(|f| f == b"<IDS|MSG>").ok_or("framing")?;
        let rest = &all[start + 1..];
        if rest.len() < dicts + 1 || (dicts == 1 && rest.len() > 2) { return Err("framing") }
        if !self.key.is_empty() && sign(&self.key, &rest[1..=dicts]).as_bytes() != rest[0] { return Err("signature") }
        let parsed: Option<Vec<Json>> = rest[1..=dicts].iter().map(|d| Reader::parse(d)).collect();
        let mut parsed = parsed.ok_or("json")?;
        for at in 1..dicts.min(3) { if parsed[at] == Null { parsed[at] = Object(BTreeMap::new()) } } // a quirk of known peers
        if !parsed.iter().all(|d| matches!(d, Object(_))) { return Err("json") }
        for header in parsed.iter().take(if dicts == 4 { 2 } else { 0 }).enumerate().filter(|(at, d)| *at == 0 || **d != Object(BTreeMap::new())).map(|(_, d)| d) {
            let text = |key: &str, needed: bool| header.get(key).map_or(!needed, |v| v.text().is_some());
            let subshell = matches!(header.get("subshell_id"), None | Some(Null) | Some(Text(_)));
            let named = text("msg_id", true) && text("msg_type", true);
            if !named || !subshell || !["session", "username", "date", "version"].iter().all(|k| text(k, false)) { return Err("header") }
        }
        if !self.key.is_empty() && dicts == 4 {
            if !self.seen.insert(rest[0].clone()) { return Err("replay") }
            self.order.push_back(rest[0].clone());
            if self.order.len() > self.window { self.seen.remove(&self.order.pop_front().unwrap()); }
        }
        Ok((all[..start].to_vec(), parsed, rest[dicts + 1..].to_vec()))
    }
}

/// Return what is wrong with how one step was taken.
fn judge(step: &Json, result: &str, receiver: &mut Receiver, dicts: usize) -> Option<String> {
    let (stage, names) = (step.word("stage"), if dicts == 4 { &PARTS[..] } else { &PARTS[3..] });
    match receiver.open(&frames(step, "frames"), dicts) {
        Err(at) if result == "valid" => Some(format!("refused at {at}")),
        Err(at) if result == "invalid" && !stage.is_empty() && at != stage => Some(format!("refused at {at}, wanted {stage}")),
        Err(_) => None,
        Ok(_) if result == "invalid" => (stage != "content").then(|| format!("accepted: {}", step.word("breaks"))),
        Ok((identities, parsed, buffers)) => {
            let wanted = step.get("decoded")?;
            let exact = step.get("exact").is_some(); // decoded has null there: not compared here
            let same = names.iter().zip(&parsed).all(|(name, got)| wanted.get(name) == Some(got));
            let bytes = identities == frames(step, "identities") && buffers == frames(wanted, "buffers");
            (!bytes || !(same || exact)).then(|| "decoded otherwise".into())
        }
    }
}

fn main() {
    let folder = env::args().nth(1).unwrap_or("spec/vectors".into());
    let (mut right, mut wrong, mut out) = (0, 0, 0);
    for path in fs::read_dir(folder).expect("wanted the folder of the vectors").map(|e| e.unwrap().path()) {
        let file = Reader::parse(&fs::read(&path).unwrap()).expect("wanted JSON");
        assert!(file.get("format") == Some(&Number(1.0)), "{path:?}: wanted format 1");
        for vector in file.list("vectors") {
            let (kind, key) = (vector.word("kind"), vector.word("key").into_bytes());
            let hashed = key.is_empty() || vector.word("signature_scheme") == "hmac-sha256";
            if !hashed || !["message", "sequence", "version-3-message", "registration-message"].contains(&kind.as_str()) { out += 1; continue }
            let window = if let Some(Number(n)) = vector.get("replay_window") { *n as usize } else { 65_536 };
            let mut receiver = Receiver { key, window, seen: HashSet::new(), order: VecDeque::new() };
            let steps = if kind == "sequence" { vector.list("sequence") } else { std::slice::from_ref(vector) };
            let faults: Vec<String> = steps.iter().filter_map(|step| {
                let result = if kind == "version-3-message" { "invalid".into() } else { step.word("result") };
                let step = if kind == "version-3-message" { Object(BTreeMap::from([(chars("frames"), step.get("frames")?.clone())])) } else { step.clone() };
                judge(&step, &result, &mut receiver, if kind == "registration-message" { 1 } else { 4 })
            }).collect();
            if faults.is_empty() { right += 1 } else { wrong += 1; println!("{}: {}", vector.word("id"), faults.join("; ")) }
        }
    }
    println!("{right} right, {wrong} wrong, {out} left out");
    process::exit(if wrong > 0 { 1 } else { 0 });
}
