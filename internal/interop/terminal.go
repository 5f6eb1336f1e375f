package interop

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a program that runs on a terminal of its own, and what it has
// written to it.
type Terminal struct {
	cmd  *exec.Cmd
	read chan struct{} // closed when nothing more can be read

	mu   sync.Mutex
	text strings.Builder
}

// StartOnTerminal starts a program with a terminal (a pty) for its input and
// output. It is killed at the end of the test if it still runs.
func StartOnTerminal(t testing.TB, cmd *exec.Cmd) *Terminal {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatalf("interop: no terminal: %v", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	slave.Close()
	if err != nil {
		master.Close()
		t.Fatal(err)
	}
	term := &Terminal{cmd: cmd, read: make(chan struct{})}
	go func() {
		defer close(term.read)
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b) // fails once the program has ended
			term.mu.Lock()
			term.text.Write(b[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		<-term.read
		master.Close()
	})
	return term
}

// openTerminal returns both ends of a new one.
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	var number int
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(err, failed); err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}

// Text is what the program has written so far.
func (r *Terminal) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// Wait waits until the program has written the parts, in this order.
func (r *Terminal) Wait(t testing.TB, parts ...string) {
	t.Helper()
	if !poll(20*time.Second, func() bool { return inOrder(r.Text(), parts) == "" }) {
		t.Fatalf("interop: %q is not in what is on the terminal:\n%q", inOrder(r.Text(), parts), r.Text())
	}
}

// End waits for the end of the program and returns its exit status.
func (r *Terminal) End(t testing.TB) int {
	t.Helper()
	<-r.read
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.cmd.ProcessState.ExitCode()
}

// inOrder returns the first of the parts that does not follow the others in the
// text, or "".
func inOrder(text string, parts []string) string {
	for _, part := range parts {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return part
		}
		text = after
	}
	return ""
}
