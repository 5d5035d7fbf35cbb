package otlpbounds // import "shieldwatch.dev/collector/extensions/otlpbounds"

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// message lists which fields of a message contain messages, and which contain packed numbers.
type message struct {
	fields map[uint64]*message
	packed map[uint64]int
}

// Sizes of packed elements; the length of a varint is in its bytes.
const (
	varint  = 0
	fixed64 = 8
)

// requests are the export requests by path: all positions of messages, so all positions where one may be nested.
var requests = func() map[string]*message {
	leaf := &message{}
	anyValue := &message{}
	keyValue := &message{fields: map[uint64]*message{2: anyValue}}
	array := &message{fields: map[uint64]*message{1: anyValue}}
	list := &message{fields: map[uint64]*message{1: keyValue}}
	anyValue.fields = map[uint64]*message{5: array, 6: list}
	resource := &message{fields: map[uint64]*message{1: keyValue, 3: leaf}}
	scope := &message{fields: map[uint64]*message{3: keyValue}}
	request := func(record *message) *message {
		scoped := &message{fields: map[uint64]*message{1: scope, 2: record}}
		resourced := &message{fields: map[uint64]*message{1: resource, 2: scoped}}
		return &message{fields: map[uint64]*message{1: resourced}}
	}

	event := &message{fields: map[uint64]*message{3: keyValue}}
	link := &message{fields: map[uint64]*message{4: keyValue}}
	span := &message{fields: map[uint64]*message{9: keyValue, 11: event, 13: link, 15: leaf}}

	logRecord := &message{fields: map[uint64]*message{5: anyValue, 6: keyValue}}

	exemplar := &message{fields: map[uint64]*message{7: keyValue}}
	buckets := &message{packed: map[uint64]int{2: varint}}
	number := &message{fields: map[uint64]*message{5: exemplar, 7: keyValue}}
	histogram := &message{fields: map[uint64]*message{8: exemplar, 9: keyValue}, packed: map[uint64]int{6: fixed64, 7: fixed64}}
	exponential := &message{fields: map[uint64]*message{1: keyValue, 8: buckets, 9: buckets, 11: exemplar}}
	summary := &message{fields: map[uint64]*message{6: leaf, 7: keyValue}}
	points := func(point *message) *message { return &message{fields: map[uint64]*message{1: point}} }
	metric := &message{fields: map[uint64]*message{
		5: points(number), 7: points(number), 9: points(histogram), 10: points(exponential), 11: points(summary), 12: keyValue,
	}}
	return map[string]*message{"/v1/traces": request(span), "/v1/logs": request(logRecord), "/v1/metrics": request(metric)}
}()

var errMalformed = errors.New("the body is not valid protobuf")

// scan counts messages, packed numbers and nesting levels without decoding values. It does not go deeper than maxDepth,
// so its stack is bounded.
type scan struct {
	maxDepth, maxEntries int
	entries              int
}

func (s *scan) protobuf(buf []byte, m *message, depth int) error {
	if depth > s.maxDepth {
		return fmt.Errorf("the body holds more than %d levels of messages", s.maxDepth)
	}
	if err := s.count(1); err != nil {
		return err
	}
	for len(buf) > 0 {
		tag, n := binary.Uvarint(buf)
		if n <= 0 || tag < 8 {
			return errMalformed
		}
		buf = buf[n:]
		size := 0
		switch tag & 7 {
		case 0:
			if _, size = binary.Uvarint(buf); size <= 0 {
				return errMalformed
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := binary.Uvarint(buf)
			if n <= 0 || length > uint64(len(buf)-n) {
				return errMalformed
			}
			content := buf[n : n+int(length)]
			size = n + int(length)
			number := tag >> 3
			if inner, ok := m.fields[number]; ok {
				if err := s.protobuf(content, inner, depth+1); err != nil {
					return err
				}
			} else if width, ok := m.packed[number]; ok {
				if err := s.count(elements(content, width)); err != nil {
					return err
				}
			}
		default:
			// Groups, which OTLP does not use.
			return errMalformed
		}
		if size > len(buf) {
			return errMalformed
		}
		if _, ok := m.packed[tag>>3]; ok && tag&7 != 2 {
			if err := s.count(1); err != nil {
				return err
			}
		}
		buf = buf[size:]
	}
	return nil
}

func elements(content []byte, width int) int {
	if width > 0 {
		return len(content) / width
	}
	count := 0
	for _, b := range content {
		if b < 0x80 {
			count++
		}
	}
	return count
}

// json counts brackets outside of strings: a message is one, and a list around messages another.
func (s *scan) json(buf []byte) error {
	depth := 0
	for i := 0; i < len(buf); i++ {
		switch buf[i] {
		case '"':
			for i++; i < len(buf) && buf[i] != '"'; i++ {
				if buf[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			if depth > 2*s.maxDepth+1 {
				return fmt.Errorf("the body holds more than %d levels of messages", s.maxDepth)
			}
			if err := s.count(1); err != nil {
				return err
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

func (s *scan) count(n int) error {
	s.entries += n
	if s.entries > s.maxEntries {
		return fmt.Errorf("the body holds more than %d messages and list elements", s.maxEntries)
	}
	return nil
}
