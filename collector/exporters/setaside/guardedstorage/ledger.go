package guardedstorage // import "shieldwatch.dev/collector/exporters/setaside/guardedstorage"

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// parts is how many groups are made of one. So up to 64 requests are tried one by one at once, and 4,096 after one
	// more end; a collector that was killed under load does not send its whole last second in inserts of one request.
	parts = 64
	// A request that is alone when the collector crashes is guilty if it was under way at another end.
	endsOfCrash = 2
	// Killed from outside, by a person or for want of memory, says less.
	endsOfKill = 4
)

// ledger is what the guard knows of a queue, kept beside it.
type ledger struct {
	// Running is true while the collector runs: found at its start, the last run ended without order.
	Running bool `json:"running"`
	// Trying is true while the first group is under way, and nothing else is.
	Trying bool `json:"trying"`
	// Groups are what was under way at an end: to be tried again, alone.
	Groups []group `json:"groups"`
	// Guilty are indices of items that must not be tried again, and wait to be set aside.
	Guilty []uint64 `json:"guilty"`
}

type group struct {
	// Items are indices of the queue.
	Items []uint64 `json:"items"`
	// Ends counts the ends without order at which the group was under way.
	Ends int `json:"ends"`
}

// begin judges how the last run ended, and takes over what was under way.
func (l *ledger) begin(dispatched []uint64, crashed bool) {
	disordered := l.Running
	if l.Trying && disordered && len(l.Groups) > 0 {
		tried := l.Groups[0]
		tried.Ends++
		l.Groups = l.Groups[1:]
		switch {
		case len(tried.Items) > 1:
			l.Groups = append(split(tried), l.Groups...)
		case tried.Ends >= endsOfKill || crashed && tried.Ends >= endsOfCrash:
			l.Guilty = append(l.Guilty, tried.Items...)
		default:
			l.Groups = append([]group{tried}, l.Groups...)
		}
	}
	if len(dispatched) > 0 {
		taken := group{Items: dispatched}
		if disordered {
			taken.Ends = 1
		}
		l.Groups = append(l.Groups, split(taken)...)
	}
	l.Trying = false
	l.Running = true
}

// split makes up to 64 groups of one.
func split(g group) []group {
	size := (len(g.Items) + parts - 1) / parts
	var groups []group
	for from := 0; from < len(g.Items); from += size {
		groups = append(groups, group{Items: g.Items[from:min(from+size, len(g.Items))], Ends: g.Ends})
	}
	return groups
}

// dispatchedField is `repeated fixed64 currently_dispatched_items` of exporterhelper's PersistentMetadata.
const dispatchedField = 5

// takeDispatched returns a queue's metadata without the items that were under way, and these.
func takeDispatched(metadata []byte) (rest []byte, dispatched []uint64, err error) {
	for len(metadata) > 0 {
		number, kind, head := protowire.ConsumeTag(metadata)
		if head < 0 {
			return nil, nil, protowire.ParseError(head)
		}
		length := protowire.ConsumeFieldValue(number, kind, metadata[head:])
		if length < 0 {
			return nil, nil, protowire.ParseError(length)
		}
		field, value := metadata[:head+length], metadata[head:head+length]
		metadata = metadata[head+length:]
		switch {
		case number != dispatchedField:
			rest = append(rest, field...)
			continue
		case kind == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(value)
		case kind != protowire.Fixed64Type:
			return nil, nil, errors.New("currently_dispatched_items are no fixed64")
		}
		for len(value) > 0 {
			index, size := protowire.ConsumeFixed64(value)
			if size < 0 {
				return nil, nil, protowire.ParseError(size)
			}
			dispatched = append(dispatched, index)
			value = value[size:]
		}
	}
	return rest, dispatched, nil
}
