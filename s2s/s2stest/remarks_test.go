package s2stest

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRemarks(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"<a>b</a>":                            "<a>b</a>",
		"<?xml version='1.0'?><a/>":           "<a/>",
		"<a><!-- b --></a>":                   "<a></a>",
		"<a><!-- <b> -- > --><c/><!----></a>": "<a><c/></a>",
		"<a><?b c?>d</a>":                     "<a>d</a>",
		"<a><![CDATA[<!-- b --> <?c?>]]></a>": "<a><![CDATA[<!-- b --> <?c?>]]></a>",
		"<a><![CDATA[]]]]><![CDATA[>]]></a>":  "<a><![CDATA[]]]]><![CDATA[>]]></a>",
		"<!DOCTYPE a>":                        "<!DOCTYPE a>",
		"<a><!-- without an end":              "<a>",
		"x < y <":                             "x < y ",
		"<a b='-->'/>?> " + strings.Repeat("<!-- "+strings.Repeat("-", 500)+"-->", 3): "<a b='-->'/>?> ",
	} {
		for name, source := range map[string]io.Reader{
			"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "bytes": iotest.OneByteReader(strings.NewReader(text)),
		} {
			var r remarks
			var got strings.Builder
			buf := make([]byte, 64)
			for {
				n, err := r.read(buf, source.Read)
				got.Write(buf[:n])
				if err != nil {
					break
				}
			}
			if got.String() != want {
				t.Errorf("%s of %q: %q, want %q", name, text, got.String(), want)
			}
		}
	}
}
