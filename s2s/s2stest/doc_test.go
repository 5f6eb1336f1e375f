package s2stest

import (
	"os"
	"strings"
	"testing"
)

// The package comment begins with a file that works: that of TestBot.
func TestPackageCommentShowsAFile(t *testing.T) {
	file, err := os.ReadFile("service_test.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for line := range strings.Lines(string(file)) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "package s2stest_test", "package bot_test")
		want.WriteString(strings.TrimSuffix("//\t"+line, "\t") + "\n")
	}
	if !strings.Contains(string(comment), "\n//\n"+want.String()+"//\n") {
		t.Errorf("doc.go does not have\n%s", want.String())
	}
}
