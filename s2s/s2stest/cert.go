package s2stest

import "isthmus.im/internal/testca"

// CertOptions describe a certificate for [Network.Issue]; the zero value makes a
// good one without any name. Fields: DNS, SRV, XMPPAddr, UPN, IPs, CN, Others,
// RawSAN and CriticalSAN for the names, Usage for the extended key usage,
// NotBefore and NotAfter, IsCA.
type CertOptions = testca.Options

// The values of CertOptions.Usage.
const (
	ServerAndClient = testca.ServerAndClient
	ServerOnly      = testca.ServerOnly
	ClientOnly      = testca.ClientOnly
	NoUsage         = testca.NoUsage
	AnyUsage        = testca.AnyUsage
)
