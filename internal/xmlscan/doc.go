// Package xmlscan cuts the bytes of an XMPP stream into complete elements.
//
// A Scanner reads one direction of a stream in a single validating pass. It takes
// bytes in whatever pieces they arrive and hands out the stream header, each
// complete child of the stream and the stream footer. It accepts only the
// restricted XML of RFC 6120 section 11, and of that only what encoding/xml
// accepts and sees alike:
//
//   - UTF-8, and every character one that XML 1.0 allows;
//   - no comment, processing instruction, document type or entity beside the five
//     predefined ones; CDATA sections are character data and stay as they are;
//   - tags balanced, names as XML 1.0 and Namespaces in XML 1.0 define them, every
//     prefix declared, no attribute twice;
//   - nothing larger, deeper or longer than Limits.
//
// The loop of a reader is
//
//	for {
//		tok, err := s.Next()
//		if err == xmlscan.ErrMore {
//			n, err := conn.Read(s.Buffer(4096))
//			...
//			s.Fill(n)
//			continue
//		}
//		...
//	}
//
// Every byte is looked at once, however small the pieces are; bytes held back at
// the end of a piece are at most a character or a reference. Nothing is allocated
// for a token once the buffers have grown to the usual size, and Release gives the
// buffers back while a stream is idle.
//
// A refusal is an *Error with the stream error condition of RFC 6120 section
// 4.9.3. What is well-formed but not expected, such as an unknown child of the
// stream or an unsupported version, is for the caller to refuse.
package xmlscan
