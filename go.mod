module isthmus.im

go 1.25.0

require (
	github.com/miekg/dns v1.1.73
	golang.org/x/crypto v0.54.0
	golang.org/x/net v0.57.0
	golang.org/x/text v0.40.0
	mellium.im/sasl v0.3.2
)

require golang.org/x/sys v0.47.0 // indirect
