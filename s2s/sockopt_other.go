//go:build !linux

package s2s

import (
	"net"
	"time"
)

// setSocketOptions turns keep-alive probes on.
func setSocketOptions(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4})
	}
}
