package guardedstorage // import "shieldwatch.dev/collector/exporters/setaside/guardedstorage"

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// After a crash a group is split into 64: up to 64 requests are tried one by one at once, and 4,096 after one more end.
	partsAfterCrash = 64
	// After a kill from outside, which says little about the requests, it is split into 8: each group costs an insert,
	// and ordinary traffic waits for all of them.
	partsAfterKill = 8
	// A request that is alone when the collector crashes counts as poison if it was in flight at another end.
	endsOfCrash = 2
	// A kill from outside, by a person or for lack of memory, is weaker evidence.
	endsOfKill = 4
)

// ledger is the guard's state of a queue, stored beside it.
type ledger struct {
	// Running is true while the collector runs: if it is true at the start, the last run did not end in order.
	Running bool `json:"running"`
	// Trying is true while the first group, and nothing else, is in flight.
	Trying bool `json:"trying"`
	// Groups were in flight at an end: to be tried again, alone.
	Groups []group `json:"groups"`
	// Poison are indices of items that must not be tried again, and wait to be set aside.
	Poison []uint64 `json:"guilty"`
}

type group struct {
	// Items are indices of the queue.
	Items []uint64 `json:"items"`
	// Ends counts the unordered ends at which the group was in flight.
	Ends int `json:"ends"`
}

// begin evaluates how the last run ended, and takes over what was in flight.
func (l *ledger) begin(dispatched []uint64, crashed bool) {
	disordered := l.Running
	parts := partsAfterKill
	if crashed {
		parts = partsAfterCrash
	}
	if l.Trying && disordered && len(l.Groups) > 0 {
		tried := l.Groups[0]
		tried.Ends++
		l.Groups = l.Groups[1:]
		switch {
		case len(tried.Items) == 1 && (tried.Ends >= endsOfKill || crashed && tried.Ends >= endsOfCrash):
			l.Poison = append(l.Poison, tried.Items...)
		case crashed:
			l.Groups = append(split(tried, parts), l.Groups...)
		default:
			// Behind all others: kills that have another cause, each soon after a start, meet a different group each time.
			l.Groups = append(l.Groups, split(tried, parts)...)
		}
	}
	if len(dispatched) > 0 {
		taken := group{Items: dispatched}
		if disordered {
			taken.Ends = 1
		}
		l.Groups = append(l.Groups, split(taken, parts)...)
	}
	l.Trying = false
	l.Running = true
}

// split divides a group into at most `parts` groups of like size.
func split(g group, parts int) []group {
	size := (len(g.Items) + parts - 1) / parts
	var groups []group
	for from := 0; from < len(g.Items); from += size {
		groups = append(groups, group{Items: g.Items[from:min(from+size, len(g.Items))], Ends: g.Ends})
	}
	return groups
}

// dispatchedField is `repeated fixed64 currently_dispatched_items` of exporterhelper's PersistentMetadata.
const dispatchedField = 5

// takeDispatched returns a queue's metadata without the items that were in flight, and those items.
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
