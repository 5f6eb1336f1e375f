// Package memnet is a small in-memory network for tests: connections with
// buffers and deadlines, and listeners that can be dialled.
//
// [Pipe] makes two ends of one connection, [Listener] hands one end to Accept
// and the other to Dial. Unlike [net.Pipe], writes are buffered (256 KiB a
// direction) and block only when the other end does not read, so that both
// ends may write first as they do over TCP; either direction can be closed
// alone with [Conn.CloseWrite].
//
// Everything waits on a [sync.Cond] and every time limit is a
// [time.AfterFunc], so a goroutine blocked here is durably blocked in the
// sense of testing/synctest and whole conversations run in virtual time. A
// connection must be used in the bubble that made it.
//
// [Conn.Cut] resets a connection at both ends and loses what was under way.
// [Conn.SetFault] spoils one direction: a [Fault] delays bytes, limits how many
// pass in a second or come with one read, changes or loses them, or resets the
// connection after some.
//
// Errors are those of TCP: a [*net.OpError] that wraps [net.ErrClosed],
// [os.ErrDeadlineExceeded], [syscall.ECONNRESET], [syscall.EPIPE] or
// [syscall.ECONNREFUSED]; the end of a stream is [io.EOF].
package memnet
