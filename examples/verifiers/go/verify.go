// Verify the byte vectors of spec/vectors with Go's standard library: go run go/verify.go FOLDER
//
// Written from docs/spec-format.md. Hashes that Go does not have, and contents, are left out.
package main

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"
)

var hashes = map[string]func() hash.Hash{
	"hmac-sha256": sha256.New, "hmac-sha512": sha512.New, "hmac-sha384": sha512.New384,
	"hmac-sha224": sha256.New224, "hmac-sha1": sha1.New, "hmac-md5": md5.New,
}

var dictsOf = map[string]int{"message": 4, "sequence": 4, "version-3-message": 4, "registration-message": 1}

var parts = []string{"header", "parent_header", "metadata", "content"}

type object = map[string]any

// Step is a vector, or one message of a sequence. Its frames are in hexadecimal.
type Step struct {
	ID, Kind, Key, Result, Stage, Breaks string
	Scheme                               string `json:"signature_scheme"`
	Frames, Identities                   []any
	Decoded                              object
	Exact                                []object
	Sequence                             []Step
	Window                               *int `json:"replay_window"`
}

type receiver struct {
	key              []byte
	hash             func() hash.Hash
	window, accepted int
	seen             map[string]int
}

func unhex(frame any) []byte {
	data, err := hex.DecodeString(frame.(string))
	if err != nil {
		panic(err)
	}
	return data
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
	_, isText := header["subshell_id"].(string)
	return isText || header["subshell_id"] == nil
}

// open returns identities and message, or the stage at which the frames are refused.
func (one *receiver) open(frames []any, dicts int) (identities []any, message object, stage string) {
	start := 0
	for start < len(frames) && string(unhex(frames[start])) != "<IDS|MSG>" {
		start++
	}
	if len(frames) < start+2+dicts || (dicts == 1 && len(frames) > start+3) {
		return nil, nil, "framing"
	}
	signature, rest := string(unhex(frames[start+1])), frames[start+2:]
	if len(one.key) > 0 {
		mac := hmac.New(one.hash, one.key)
		for _, dict := range rest[:dicts] {
			mac.Write(unhex(dict))
		}
		if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature)) {
			return nil, nil, "signature"
		}
	}
	message = object{}
	for at, name := range parts[4-dicts:] {
		value, ok := decode(unhex(rest[at]), name)
		if !ok {
			return nil, nil, "json"
		}
		message[name] = value
	}
	if dicts == 1 {
		return frames[:start], message, ""
	}
	parent := message["parent_header"].(object)
	if !soundHeader(message["header"].(object)) || (len(parent) > 0 && !soundHeader(parent)) {
		return nil, nil, "header"
	}
	if len(one.key) > 0 {
		if at, there := one.seen[signature]; there && at > one.accepted-one.window {
			return nil, nil, "replay"
		}
		one.accepted++
		one.seen[signature] = one.accepted
	}
	message["buffers"] = rest[4:]
	return frames[:start], message, ""
}

// judge returns what is wrong with how a step was taken; nothing if it is as it should be.
func judge(step Step, one *receiver, dicts int) string {
	identities, message, at := one.open(step.Frames, dicts)
	switch {
	case at != "" && step.Result == "valid":
		return "refused at " + at
	case at != "" && step.Result == "invalid" && step.Stage != "" && at != step.Stage:
		return "refused at " + at + ", wanted " + step.Stage
	case at != "" || (step.Result == "invalid" && step.Stage == "content"):
		return ""
	case step.Result == "invalid":
		return "accepted: " + step.Breaks
	// Where exact stands, decoded has null: such messages are compared without that.
	case step.Decoded != nil && len(step.Exact) == 0 && !reflect.DeepEqual(message, step.Decoded):
		return "decoded otherwise"
	case step.Decoded != nil && fmt.Sprint(identities) != fmt.Sprint(step.Identities):
		return "other identities"
	}
	return ""
}

func verify(vector Step, dicts int) string {
	one := &receiver{key: []byte(vector.Key), hash: hashes[vector.Scheme], window: 65536, seen: map[string]int{}}
	if vector.Window != nil {
		one.window = *vector.Window
	}
	if vector.Kind == "version-3-message" {
		vector = Step{Frames: vector.Frames, Result: "invalid"}
	}
	if vector.Kind != "sequence" {
		return judge(vector, one, dicts)
	}
	wrong := []string{}
	for at, step := range vector.Sequence {
		if fault := judge(step, one, dicts); fault != "" {
			wrong = append(wrong, fmt.Sprintf("step %d: %s", at, fault))
		}
	}
	return strings.Join(wrong, "; ")
}

func main() {
	paths, _ := filepath.Glob(filepath.Join(append(os.Args[1:], "spec/vectors")[0], "*.json"))
	count := map[string]int{}
	for _, path := range paths {
		var file struct {
			Format  int
			Vectors []Step
		}
		data, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(data, &file) != nil || file.Format != 1 {
			fmt.Println(path, "wanted a file of format 1, found", file.Format, err)
			os.Exit(2)
		}
		for _, vector := range file.Vectors {
			dicts := dictsOf[vector.Kind]
			if dicts == 0 || (vector.Key != "" && hashes[vector.Scheme] == nil) {
				count["left out"]++
			} else if wrong := verify(vector, dicts); wrong == "" {
				count["right"]++
			} else {
				count["wrong"]++
				fmt.Printf("%s: %s\n", vector.ID, wrong)
			}
		}
	}
	fmt.Printf("%d right, %d wrong, %d left out\n", count["right"], count["wrong"], count["left out"])
	if count["wrong"] > 0 || count["right"] == 0 {
		os.Exit(1)
	}
}
