package main

import (
	"bytes"
	"os"
	"testing"
)

// TestTablesAreCurrent fails when package jid's tables were edited by hand, or
// not generated anew after a change here.
func TestTablesAreCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../jid/stringprep_tables.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("jid/stringprep_tables.go differs from what genprep writes; run go generate in jid")
	}
}
