package testca

import (
	"encoding/asn1"
)

var (
	oidSAN      = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidXMPPAddr = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 5}
	oidSRVName  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 7}
	oidUPN      = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// san returns the value of the subjectAltName extension, nil for none.
func (o Options) san() []byte {
	if o.RawSAN != nil {
		return o.RawSAN
	}
	var names []byte
	for _, s := range o.DNS {
		names = append(names, tlv(asn1.ClassContextSpecific, 2, false, []byte(s))...)
	}
	for _, a := range o.IPs {
		names = append(names, tlv(asn1.ClassContextSpecific, 7, false, a.AsSlice())...)
	}
	for _, s := range o.SRV {
		names = append(names, OtherName(oidSRVName, asn1.TagIA5String, []byte(s))...)
	}
	for _, s := range o.XMPPAddr {
		names = append(names, OtherName(oidXMPPAddr, asn1.TagUTF8String, []byte(s))...)
	}
	for _, s := range o.UPN {
		names = append(names, OtherName(oidUPN, asn1.TagUTF8String, []byte(s))...)
	}
	for _, der := range o.Others {
		names = append(names, der...)
	}
	if names == nil {
		return nil
	}
	return tlv(asn1.ClassUniversal, asn1.TagSequence, true, names)
}

// OtherName returns a GeneralName of the form otherName in DER whose value is
// a primitive of the given universal tag, for [Options.Others].
func OtherName(id asn1.ObjectIdentifier, tag int, value []byte) []byte {
	oid, err := asn1.Marshal(id)
	if err != nil {
		panic("testca: " + err.Error())
	}
	inner := tlv(asn1.ClassContextSpecific, 0, true, tlv(asn1.ClassUniversal, tag, false, value))
	return tlv(asn1.ClassContextSpecific, 0, true, append(oid, inner...))
}

func tlv(class, tag int, compound bool, value []byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: value})
	if err != nil {
		panic("testca: " + err.Error())
	}
	return der
}
