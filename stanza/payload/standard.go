package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// decoder reads one element into a value.
type decoder func(stanza.Raw) (any, error)

func into[T any](r stanza.Raw) (any, error) {
	var v T
	if err := r.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// standard returns what reads a payload of this package, or nil for any other element.
func standard(name xml.Name) decoder {
	switch name.Space {
	case NSChatStates:
		return into[ChatState]
	case NSHints:
		return into[Hint]
	case NSCalls:
		return into[Call]
	}
	switch name.Space + " " + name.Local {
	case NSReceipts + " request":
		return into[ReceiptRequest]
	case NSReceipts + " received":
		return into[Receipt]
	case NSMarkers + " markable":
		return into[Markable]
	case NSMarkers + " displayed":
		return into[Displayed]
	case NSCorrection + " replace":
		return into[Replace]
	case NSRetraction + " retract":
		return into[Retract]
	case NSRetraction + " retracted":
		return into[Retracted]
	case NSReactions + " reactions":
		return into[Reactions]
	case NSReply + " reply":
		return into[Reply]
	case NSFallback + " fallback":
		return into[Fallback]
	case NSStanzaID + " stanza-id":
		return into[StanzaID]
	case NSStanzaID + " origin-id":
		return into[OriginID]
	case NSDelay + " delay":
		return into[Delay]
	case NSOOB + " x":
		return into[OOB]
	case NSFileSharing + " file-sharing":
		return into[FileSharing]
	case NSFileSharing + " sources":
		return into[Sources]
	case NSFileMetadata + " file":
		return into[File]
	case NSHashes + " hash":
		return into[Hash]
	case NSEncryption + " encryption":
		return into[Encryption]
	}
	return nil
}
