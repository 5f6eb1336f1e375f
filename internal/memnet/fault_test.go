package memnet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// reads returns what each read brings, and when, until the end.
func reads(c *Conn) (got []string) {
	start := time.Now()
	buf := make([]byte, 16<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			if errors.Is(err, syscall.ECONNRESET) {
				err = syscall.ECONNRESET
			}
			return append(got, fmt.Sprintf("%v %v", time.Since(start), err))
		}
		data := string(buf[:n])
		if n > 20 {
			data = fmt.Sprint(n, " bytes")
		}
		got = append(got, fmt.Sprintf("%v %s", time.Since(start), data))
	}
}

func TestFault(t *testing.T) {
	write := func(parts ...string) func(*Conn) {
		return func(c *Conn) {
			for _, p := range parts {
				io.WriteString(c, p)
			}
			c.Close()
		}
	}
	cases := []struct {
		name  string
		fault Fault
		write func(*Conn)
		want  []string
	}{
		{"none", Fault{}, write("ab", "cd"), []string{"0s abcd", "0s EOF"}},
		{"delay", Fault{Delay: time.Second}, write("ab", "cd"), []string{"1s abcd", "1s EOF"}},
		{"a delay that changes", Fault{}, func(c *Conn) {
			io.WriteString(c, "1")
			c.SetFault(Fault{Delay: 3 * time.Second})
			io.WriteString(c, "2")
			c.SetFault(Fault{})
			io.WriteString(c, "3") // must not overtake
			c.SetFault(Fault{Delay: 5 * time.Second})
			c.Close()
		}, []string{"0s 1", "3s 23", "5s EOF"}},
		{"bandwidth", Fault{Bandwidth: 1460}, write(strings.Repeat("x", 2920), strings.Repeat("x", 730)),
			[]string{"1s 1460 bytes", "2s 1460 bytes", "2.5s 730 bytes", "2.5s EOF"}},
		{"bandwidth and delay", Fault{Bandwidth: 10, Delay: time.Minute}, write("0123456789", "01234"), []string{"1m1s 0123456789", "1m1.5s 01234", "1m1.5s EOF"}},
		{"split", Fault{Split: 2}, write("abc", "de"), []string{"0s ab", "0s cd", "0s e", "0s EOF"}},
		{"reset within a write", Fault{ResetAfter: 3}, write("ab", "cd", "ef"), []string{"0s abc", "0s connection reset by peer"}},
		{"reset between writes", Fault{ResetAfter: 2}, write("ab", "cd"), []string{"0s ab", "0s connection reset by peer"}},
		{"reset of what is late", Fault{ResetAfter: 2, Delay: time.Second}, write("abcd"), []string{"1s ab", "1s connection reset by peer"}},
		{"a reset that was not reached", Fault{ResetAfter: 3}, write("ab"), []string{"0s ab", "0s EOF"}},
		{"the first byte corrupted", Fault{CorruptAt: 1}, write("ab"), []string{"0s \x9eb", "0s EOF"}},
		{"a later byte corrupted", Fault{CorruptAt: 3}, write("ab", "cd"), []string{"0s ab\x9cd", "0s EOF"}},
		{"everything lost", Fault{Lose: true}, write("ab"), []string{"1h0m0s i/o timeout"}},
		{"a part lost", Fault{}, func(c *Conn) {
			io.WriteString(c, "a")
			c.SetFault(Fault{Lose: true})
			io.WriteString(c, "b")
			c.SetFault(Fault{})
			io.WriteString(c, "c")
			c.Close()
		}, []string{"0s ac", "0s EOF"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe()
				a.SetFault(c.fault)
				c.write(a)
				b.SetReadDeadline(time.Now().Add(time.Hour))
				got := reads(b)
				for i, s := range got {
					if strings.Contains(s, "i/o timeout") {
						got[i] = strings.Fields(s)[0] + " i/o timeout"
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("reads %q\nwant  %q", got, c.want)
				}
			})
		})
	}
}

func TestFaultsOfOneDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.SetFault(Fault{Delay: time.Second, Split: 1})
		io.WriteString(b, "ab")
		b.Close()
		if got := reads(a); !slices.Equal(got, []string{"0s ab", "0s EOF"}) {
			t.Errorf("the other direction: %q", got)
		}
		if a.Far() != b || b.Far() != a {
			t.Error("the ends do not know each other")
		}
	})
}

// Whoever wrote the byte too much knows at once, and so does the other end.
func TestResetAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		hits := 0
		a.SetFault(Fault{ResetAfter: 3, Hit: func() { hits++ }})
		if n, err := a.Write([]byte("abcd")); n != 3 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Write = %d, %v", n, err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read of the writer: %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Write of the reader: %v", err)
		}
		if got := reads(b); !slices.Equal(got, []string{"0s abc", "0s connection reset by peer"}) {
			t.Errorf("reads %q", got)
		}
		if hits != 1 || !a.Done() || !b.Done() {
			t.Errorf("hit %d times, done %v %v", hits, a.Done(), b.Done())
		}
	})
}

func TestJitter(t *testing.T) {
	times := func(seed uint64) (got []string) {
		synctest.Test(t, func(t *testing.T) {
			a, b := pipe()
			a.SetFault(Fault{Delay: time.Second, Jitter: time.Second, Rand: rand.New(rand.NewPCG(seed, 0))})
			for i := range 8 {
				io.WriteString(a, fmt.Sprint(i))
			}
			a.Close()
			got = reads(b)
			if d, _ := time.ParseDuration(strings.Fields(got[0])[0]); d < time.Second || d >= 2*time.Second {
				t.Errorf("the first byte took %v", d)
			}
			all := ""
			for _, s := range got[:len(got)-1] {
				all += strings.Fields(s)[1]
			}
			if all != "01234567" {
				t.Errorf("out of order: %s", all)
			}
		})
		return got
	}
	one, again, two := times(1), times(1), times(2)
	if !slices.Equal(one, again) {
		t.Errorf("the same seed gives\n%q\n%q", one, again)
	}
	if slices.Equal(one, two) {
		t.Errorf("another seed gives the same: %q", one)
	}
}

// On a half-open connection neither end hears of the other, whatever it does.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.SetFault(Fault{Lose: true})
		b.SetFault(Fault{Lose: true})
		b.Close()
		for range 3 {
			if n, err := a.Write(bytes.Repeat([]byte("x"), BufferSize)); n != BufferSize || err != nil {
				t.Errorf("Write = %d, %v", n, err)
			}
		}
		a.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read: %v", err)
		}
	})
}
