module isthmus.im/internal/interop

go 1.25.0

require (
	golang.org/x/sys v0.47.0
	isthmus.im v0.0.0
)

require (
	github.com/miekg/dns v1.1.73 // indirect
	golang.org/x/mod v0.38.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/tools v0.48.0 // indirect
)

require (
	github.com/xdg-go/stringprep v1.0.4
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/text v0.40.0
	mellium.im/reader v0.1.0 // indirect
	mellium.im/sasl v0.3.2 // indirect
	mellium.im/xmlstream v0.15.4
	mellium.im/xmpp v0.23.0
)

replace isthmus.im => ../../
