// JSON as it is in a frame: strict, in UTF-8, text as code points, as a lone surrogate may be escaped.
use std::collections::BTreeMap;

#[derive(Clone, PartialEq)]
pub enum Json { Null, Bool(bool), Number(f64), Text(Vec<u32>), List(Vec<Json>), Object(BTreeMap<Vec<u32>, Json>) }
use Json::*;

pub fn chars(text: &str) -> Vec<u32> { text.chars().map(|c| c as u32).collect() }

impl Json {
    pub fn get(&self, key: &str) -> Option<&Json> { if let Object(map) = self { map.get(&chars(key)) } else { None } }
    pub fn text(&self) -> Option<String> {
        if let Text(codes) = self { Some(codes.iter().map(|c| char::from_u32(*c).unwrap_or('\u{fffd}')).collect()) } else { None }
    }
    pub fn word(&self, key: &str) -> String { self.get(key).and_then(Json::text).unwrap_or_default() }
    pub fn list(&self, key: &str) -> &[Json] { if let Some(List(items)) = self.get(key) { items } else { &[] } }
}

pub struct Reader<'a> { text: &'a str, at: usize }

impl Reader<'_> {
    pub fn parse(data: &[u8]) -> Option<Json> {
        let mut reader = Reader { text: std::str::from_utf8(data).ok()?, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == reader.text.len() { Some(value) } else { None }
    }
    fn peek(&self) -> u8 { *self.text.as_bytes().get(self.at).unwrap_or(&0) }
    fn space(&mut self) { while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') { self.at += 1 } }
    fn take(&mut self, word: &str) -> Option<()> {
        if self.text[self.at..].starts_with(word) { self.at += word.len(); Some(()) } else { None }
    }
    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        if depth > 20_000 { return None }
        match self.peek() {
            b'n' => self.take("null").map(|()| Null),
            b't' => self.take("true").map(|()| Bool(true)),
            b'f' => self.take("false").map(|()| Bool(false)),
            b'"' => self.string().map(Text),
            b'[' => { self.at += 1; self.items(b']', |r| r.value(depth + 1)).map(List) }
            b'{' => {
                self.at += 1;
                let pairs = self.items(b'}', |r| { r.space(); Some((r.string()?, { r.space(); r.take(":")?; r.value(depth + 1)? })) })?;
                Some(Object(pairs.into_iter().collect())) // of two equal keys the last counts
            }
            _ => self.number(),
        }
    }
    fn items<T>(&mut self, end: u8, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut found = Vec::new();
        self.space();
        if self.peek() == end { self.at += 1; return Some(found) }
        loop {
            found.push(one(self)?);
            self.space();
            self.at += 1;
            match self.text.as_bytes().get(self.at - 1) { Some(b',') => (), Some(c) if *c == end => return Some(found), _ => return None }
        }
    }
    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        if digits.bytes().all(|c| c.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
    }
    fn string(&mut self) -> Option<Vec<u32>> {
        self.take("\"")?;
        let mut codes = Vec::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(codes),
                '\\' => {
                    let escaped = self.peek();
                    self.at += 1;
                    let code = match escaped {
                        b'"' | b'\\' | b'/' => escaped as u32,
                        b'b' => 8, b'f' => 12, b'n' => 10, b'r' => 13, b't' => 9,
                        b'u' => match (self.hex()?, codes.last().copied()) {
                            (low @ 0xdc00..=0xdfff, Some(high @ 0xd800..=0xdbff)) => {
                                codes.pop();
                                0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                            }
                            (code, _) => code,
                        },
                        _ => return None,
                    };
                    codes.push(code);
                }
                c if (c as u32) < 0x20 => return None,
                c => codes.push(c as u32),
            }
        }
    }
    fn number(&mut self) -> Option<Json> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        let digits = word.strip_prefix('-').unwrap_or(word);
        let whole = digits.find(['.', 'e', 'E']).unwrap_or(digits.len());
        let fraction = digits[whole..].strip_prefix('.').map(|f| f.split(['e', 'E']).next().unwrap_or(""));
        let sound = whole > 0 && (whole == 1 || !digits.starts_with('0')) && digits[..whole].bytes().all(|c| c.is_ascii_digit());
        if !sound || fraction.is_some_and(|f| f.is_empty() || !f.bytes().all(|c| c.is_ascii_digit())) { return None }
        word.parse().ok().map(Number)
    }
}
