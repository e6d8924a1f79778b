package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strings"
	"unicode/utf8"
)

var hashes = map[string]func() hash.Hash{
	"hmac-sha256": sha256.New, "hmac-sha512": sha512.New, "hmac-sha384": sha512.New384,
	"hmac-sha224": sha256.New224, "hmac-sha1": sha1.New, "hmac-md5": md5.New,
}

var parts = []string{"header", "parent_header", "metadata", "content"}

type object = map[string]any

type receiver struct {
	key    []byte
	hash   func() hash.Hash
	window int
	seen   map[string]bool
	order  []string
}

func unhex(texts []string) [][]byte {
	made := [][]byte{}
	for _, text := range texts {
		data, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		made = append(made, data)
	}
	return made
}

func inHex(frames [][]byte) []any {
	made := []any{}
	for _, frame := range frames {
		made = append(made, hex.EncodeToString(frame))
	}
	return made
}

// decode returns the object in a frame; null will do where known peers send it.
func decode(data []byte, name string) (object, bool) {
	var value any
	if !utf8.Valid(data) || json.Unmarshal(data, &value) != nil {
		return nil, false
	}
	if value == nil && (name == "parent_header" || name == "metadata") {
		return object{}, true
	}
	made, ok := value.(object)
	return made, ok
}

func soundHeader(header object) bool {
	for _, key := range []string{"msg_id", "msg_type", "session", "username", "date", "version"} {
		value, there := header[key]
		if _, isText := value.(string); there != isText || (!there && strings.HasPrefix(key, "msg_")) {
			return false
		}
	}
	subshell, there := header["subshell_id"]
	_, isText := subshell.(string)
	return !there || subshell == nil || isText
}

// open returns identities and message, or the stage at which the frames are refused.
func (one *receiver) open(frames [][]byte, dicts int) (identities []any, message object, stage string) {
	start := 0
	for start < len(frames) && !bytes.Equal(frames[start], []byte("<IDS|MSG>")) {
		start++
	}
	if len(frames) < start+2+dicts || (dicts == 1 && len(frames) > start+3) {
		return nil, nil, "framing"
	}
	signature, rest := frames[start+1], frames[start+2:]
	if len(one.key) > 0 {
		mac := hmac.New(one.hash, one.key)
		for _, dict := range rest[:dicts] {
			mac.Write(dict)
		}
		if hex.EncodeToString(mac.Sum(nil)) != string(signature) {
			return nil, nil, "signature"
		}
	}
	message = object{}
	for at, name := range parts[4-dicts:] {
		value, ok := decode(rest[at], name)
		if !ok {
			return nil, nil, "json"
		}
		message[name] = value
	}
	if dicts == 4 {
		parent := message["parent_header"].(object)
		if !soundHeader(message["header"].(object)) || (len(parent) > 0 && !soundHeader(parent)) {
			return nil, nil, "header"
		}
		if len(one.key) > 0 {
			if one.seen[string(signature)] {
				return nil, nil, "replay"
			}
			one.seen[string(signature)] = true
			if one.order = append(one.order, string(signature)); len(one.order) > one.window {
				delete(one.seen, one.order[0])
				one.order = one.order[1:]
			}
		}
		message["buffers"] = inHex(rest[4:])
	}
	return inHex(frames[:start]), message, ""
}
