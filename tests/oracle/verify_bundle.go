// Checks a bundle with Go's own log library (golang.org/x/mod/sumdb), which candor's authors did not
// write: the signature, that every hash tile belongs to the tree that the checkpoint states, that each
// entry given is a record of it, and that each older checkpoint states a prefix of it.
//
// usage: go run verify_bundle.go BUNDLE VKEY [OLDER-VKEY...]
//
// The newest checkpoint must be signed by VKEY, the older ones by it or by a key that the log had before.
// No key is read from the bundle: what an entry says of keys counts for nothing here.
//
// On Debian: apt-get install golang-go golang-golang-x-mod-dev, then
// GO111MODULE=off GOPATH=/usr/share/gocode go run verify_bundle.go BUNDLE VKEY [OLDER-VKEY...]
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tiles reads hash tiles as C2SP's tlog-tiles lays them out: without the height in their path.
type tiles string

func (tiles) Height() int { return height }

func (dir tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func readCheckpoint(path string, verifiers ...note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	message, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(message, note.VerifierList(verifiers...))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifiers[0].Name() {
		return tree, fmt.Errorf("no checkpoint of %s", verifiers[0].Name())
	}
	// One spelling: no sign, no zeros before it, nothing after it.
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, fmt.Errorf("its size is no number of entries")
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func check(dir string, vkeys []string) error {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, verifier)
	}
	tree, err := readCheckpoint(filepath.Join(dir, "checkpoint"), verifiers[0])
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// This reader checks each tile against the tree before it gives a hash of it.
	reader := tlog.TileHashReader(tree, tiles(dir))

	given := 0
	for first := int64(0); first < tree.N; first += 256 {
		tile := tlog.Tile{H: height, L: -1, N: first / 256, W: 256}
		if tree.N-first < 256 {
			tile.W = int(tree.N - first)
		}
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/data/", height), "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(dir, path))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return err
		}
		var indexes []int64
		for n := first; n < first+int64(tile.W); n++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, n))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, hash := range hashes {
			if len(data) < 2 || len(data) < 2+int(data[0])<<8+int(data[1]) {
				return fmt.Errorf("%s is cut", path)
			}
			length := int(data[0])<<8 + int(data[1])
			if tlog.RecordHash(data[2:2+length]) != hash {
				return fmt.Errorf("entry %d is not the record of the tree", first+int64(i))
			}
			data = data[2+length:]
			given++
		}
		if len(data) != 0 {
			return fmt.Errorf("%s is too long", path)
		}
	}

	older, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*"))
	if err != nil {
		return err
	}
	for _, path := range older {
		old, err := readCheckpoint(path, verifiers...)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if old.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	fmt.Printf("go: %d entries, %d of them given, %d older checkpoints: all hold\n",
		tree.N, given, len(older))
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify_bundle BUNDLE VKEY [OLDER-VKEY...]")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println("go: DOES NOT HOLD:", err)
		os.Exit(1)
	}
}
