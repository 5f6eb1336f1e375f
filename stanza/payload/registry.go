package payload

import (
	"encoding/xml"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"

	"isthmus.im/stanza"
)

// Registry knows the payloads of this package and those that a host registered, its
// private extensions. The zero Registry is ready to use, has no extensions, and must
// not be copied once it is in use. It is safe for concurrent use.
type Registry struct {
	mu     sync.RWMutex
	byName map[xml.Name]*extension
	byType map[reflect.Type]*extension
}

// Codec says how a host's values become XML, and what they become for those who do not
// know them.
type Codec[T any] struct {
	// Decode reads an element that a peer sent. It bounds what it takes from it, and
	// must not change the bytes. Nil: what encoding/xml makes of it.
	Decode func(stanza.Raw) (T, error)
	// Encode returns what [stanza.Marshal] makes the element of: it must have the
	// registered name. Nil: the value itself.
	Encode func(T) (any, error)
	// Render puts standard XMPP that stands for the value into a message without it,
	// say with [SetBody]; see [Registry.Prepare]. Nil: nothing stands for it.
	Render func(v T, m *stanza.Stanza) error
}

// extension is a Codec without its type.
type extension struct {
	name   xml.Name
	decode decoder
	encode func(any) (any, error)
	render func(any, *stanza.Stanza) error
}

// Register makes r know the elements with the given name, written as in an encoding/xml
// tag: "https://chat.example/ns/poll poll". Their values have type T, one type for each
// name. It panics when the name is malformed, is that of a payload of this package, or
// it or T was registered before.
func Register[T any](r *Registry, name string, c Codec[T]) {
	space, local, ok := strings.Cut(name, " ")
	n := xml.Name{Space: space, Local: local}
	x := &extension{name: n, decode: into[T]}
	if ok = ok && space != "" && space != "jabber:client" && space != "jabber:server"; ok {
		raw, err := stanza.Marshal(struct{ XMLName xml.Name }{n})
		ok = err == nil && parse(raw).name == n
	}
	if !ok {
		panic(fmt.Sprintf("payload: Register(%q): not the name of a payload", name))
	}
	if c.Decode != nil {
		x.decode = func(raw stanza.Raw) (any, error) { return c.Decode(raw) }
	}
	if c.Encode != nil {
		x.encode = func(v any) (any, error) { return c.Encode(v.(T)) }
	}
	if c.Render != nil {
		x.render = func(v any, m *stanza.Stanza) error { return c.Render(v.(T), m) }
	}
	r.add(x, reflect.TypeFor[T]())
}

func (r *Registry) add(x *extension, t reflect.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if standard(x.name) != nil || r.byName[x.name] != nil || r.byType[t] != nil {
		panic(fmt.Sprintf("payload: Register(%q) for %s: name or type is taken", x.name.Space+" "+x.name.Local, t))
	}
	if r.byName == nil {
		r.byName, r.byType = make(map[xml.Name]*extension), make(map[reflect.Type]*extension)
	}
	r.byName[x.name], r.byType[t] = x, x
}

func (r *Registry) extension(name xml.Name) *extension {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

// Features returns the namespaces of the extensions, sorted, each once, for
// [stanza.Mux.Advertise]: peers that see them are sent the extensions themselves. The
// caller owns the result.
func (r *Registry) Features() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []string
	for name := range r.byName {
		list = append(list, name.Space)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Payloads yields the payloads of s in order. Each is a value of a type of this
// package, or of the type registered for it, never a pointer unless registered as one;
// or a [stanza.Raw], the bytes as they came, when it is not known. One that is known
// and breaks its specification is yielded as a [stanza.Raw] with the error, an
// [*InvalidError] or a Codec's.
func (r *Registry) Payloads(s *stanza.Stanza) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for name, raw := range s.Payloads() {
			decode := standard(name)
			if x := r.extension(name); x != nil {
				decode = x.decode
			}
			var v any = raw
			var err error
			if decode != nil {
				if v, err = decode(raw); err != nil {
					v = raw
				}
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Append adds v to s: by its Codec if its type was registered, else as
// [stanza.Stanza.Append] does.
func (r *Registry) Append(s *stanza.Stanza, v any) error {
	r.mu.RLock()
	x := r.byType[reflect.TypeOf(v)]
	r.mu.RUnlock()
	if x == nil {
		return s.Append(v)
	}
	out := v
	if x.encode != nil {
		var err error
		if out, err = x.encode(v); err != nil {
			return fmt.Errorf("payload: encode %T: %w", v, err)
		}
	}
	raw, err := stanza.Marshal(out)
	if err != nil {
		return err
	}
	if len(raw) == 0 || parse(raw).name != x.name {
		return fmt.Errorf("payload: encode %T: not an element named %s %s", v, x.name.Space, x.name.Local)
	}
	return s.Append(raw)
}
