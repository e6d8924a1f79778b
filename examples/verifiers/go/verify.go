// Verify the byte vectors of spec/vectors with Go's standard library: go run go/*.go FOLDER
//
// Written from docs/spec-format.md. The vectors of hashes that Go does not have are left out.
// Contents are not judged: no schemas here.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Step is a vector, or one message of a sequence.
type Step struct {
	ID, Kind, Key, Result, Stage, Breaks string
	Scheme                               string `json:"signature_scheme"`
	Frames, Identities                   []string
	Decoded                              object
	Exact                                []object
	Sequence                             []Step
	Window                               *int `json:"replay_window"`
}

// judge returns what is wrong with how a step was taken; nothing if it is as it should be.
func judge(step Step, one *receiver, dicts int) string {
	identities, message, at := one.open(unhex(step.Frames), dicts)
	switch {
	case at != "" && step.Result == "valid":
		return "refused at " + at
	case at != "" && step.Result == "invalid" && step.Stage != "" && at != step.Stage:
		return "refused at " + at + ", wanted " + step.Stage
	case at != "" || (step.Result == "invalid" && step.Stage == "content"):
		return ""
	case step.Result == "invalid":
		return "accepted: " + step.Breaks
	case step.Decoded == nil:
		return ""
	}
	// Where exact stands, decoded has null: such messages are compared without that.
	if len(step.Exact) == 0 && !reflect.DeepEqual(message, step.Decoded) {
		return "decoded otherwise"
	}
	if !reflect.DeepEqual(identities, inHex(unhex(step.Identities))) {
		return "other identities"
	}
	return ""
}

func verify(vector Step) (string, bool) {
	made, known := hashes[vector.Scheme]
	dicts := map[string]int{"message": 4, "sequence": 4, "version-3-message": 4, "registration-message": 1}[vector.Kind]
	if dicts == 0 || (!known && vector.Key != "") {
		return "", false
	}
	one := &receiver{key: []byte(vector.Key), hash: made, window: 65536, seen: map[string]bool{}}
	if vector.Window != nil {
		one.window = *vector.Window
	}
	if vector.Kind == "version-3-message" {
		return judge(Step{Frames: vector.Frames, Result: "invalid"}, one, 4), true
	}
	if vector.Kind != "sequence" {
		return judge(vector, one, dicts), true
	}
	wrong := []string{}
	for at, step := range vector.Sequence {
		if said := judge(step, one, 4); said != "" {
			wrong = append(wrong, fmt.Sprintf("step %d: %s", at, said))
		}
	}
	return strings.Join(wrong, "; "), true
}

func main() {
	folder := append(os.Args[1:], "spec/vectors")[0]
	paths, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	count := map[string]int{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		var file struct {
			Format  int
			Vectors []Step
		}
		if err == nil {
			err = json.Unmarshal(data, &file)
		}
		if err != nil || file.Format != 1 {
			fmt.Println(path, "wanted a file of format 1, found", file.Format, err)
			os.Exit(2)
		}
		for _, vector := range file.Vectors {
			wrong, taken := verify(vector)
			switch {
			case !taken:
				count["left out"]++
			case wrong == "":
				count["right"]++
			default:
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
