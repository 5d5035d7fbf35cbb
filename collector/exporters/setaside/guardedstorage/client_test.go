package guardedstorage

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"
)

// disk is a storage in memory that can be full, or broken.
type disk struct {
	values map[string][]byte
	full   bool
	broken bool
}

func (d *disk) Start(context.Context, component.Host) error { return nil }
func (d *disk) Shutdown(context.Context) error              { return nil }
func (d *disk) Close(context.Context) error                 { return nil }
func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}
func (d *disk) Get(ctx context.Context, key string) ([]byte, error) { return d.values[key], nil }
func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}
func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}
func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	next := maps.Clone(d.values)
	for _, op := range ops {
		if d.broken {
			return syscall.EIO
		}
		if op.Type != storage.Get && d.full {
			return syscall.ENOSPC
		}
		switch op.Type {
		case storage.Get:
			op.Value = next[op.Key]
		case storage.Set:
			next[op.Key] = op.Value
		case storage.Delete:
			delete(next, op.Key)
		}
	}
	d.values = next
	return nil
}

// store is an exporter to a store that takes what it is given, unless it is down.
type store struct {
	down      bool
	delivered []string
	aside     []string
	onDeliver func([][]byte)
}

func (s *store) Reachable(context.Context) error {
	if s.down {
		return errors.New("down")
	}
	return nil
}
func (s *store) Deliver(_ context.Context, items [][]byte) error {
	if s.onDeliver != nil {
		s.onDeliver(items)
	}
	for _, item := range items {
		s.delivered = append(s.delivered, string(item))
	}
	return nil
}
func (s *store) SetAside(_ context.Context, item []byte) error {
	s.aside = append(s.aside, string(item))
	return nil
}

var id = component.MustNewID("clickhouse")

func open(t *testing.T, d *disk, s *store, crashed bool) (*Extension, storage.Client) {
	t.Helper()
	e := newExtension(d, t.TempDir(), zap.NewNop())
	e.crashed = crashed
	e.Register(id, "logs", s)
	c, err := e.GetClient(t.Context(), component.KindExporter, id, "logs")
	require.NoError(t, err)
	return e, c
}

// metadata is a PersistentMetadata as exporterhelper writes it.
func metadata(read, write uint64, dispatched ...uint64) []byte {
	var packed []byte
	for _, index := range dispatched {
		packed = protowire.AppendFixed64(packed, index)
	}
	out := protowire.AppendFixed64(protowire.AppendTag(nil, 3, protowire.Fixed64Type), read)
	out = protowire.AppendFixed64(protowire.AppendTag(out, 4, protowire.Fixed64Type), write)
	return protowire.AppendBytes(protowire.AppendTag(out, 5, protowire.BytesType), packed)
}

func TestTakesDispatchedItemsOutOfTheQueue(t *testing.T) {
	rest, dispatched, err := takeDispatched(metadata(7, 9, 4, 5))
	require.NoError(t, err)
	assert.Equal(t, []uint64{4, 5}, dispatched)
	again, none, err := takeDispatched(rest)
	require.NoError(t, err)
	assert.Empty(t, none)
	assert.Equal(t, rest, again)
	_, _, err = takeDispatched([]byte{0x2a, 0xff})
	assert.Error(t, err)
}

func TestDeliversWhatWasUnderWayAloneAndThenOpensTheQueue(t *testing.T) {
	d := &disk{values: map[string][]byte{metadataKey: metadata(3, 4, 1, 2), "1": []byte("one"), "2": []byte("two"), "3": []byte("three")}}
	s := &store{}
	e, c := open(t, d, s, false)
	s.onDeliver = func(items [][]byte) {
		var l ledger
		require.NoError(t, json.Unmarshal(d.values[ledgerKey], &l))
		assert.True(t, l.Trying, "the mark is on disk before anything is sent")
		assert.Len(t, items, 1)
		assert.False(t, e.isOpen())
	}
	require.NoError(t, e.Ready())
	require.NoError(t, e.Wait(t.Context()))
	require.NoError(t, e.NotReady())
	assert.Equal(t, []string{"one", "two"}, s.delivered)
	require.NoError(t, c.Close(t.Context()))
	assert.Equal(t, []string{"3", metadataKey, ledgerKey}, slices.Sorted(maps.Keys(d.values)))
	assert.JSONEq(t, `{"running":false,"trying":false,"groups":[],"guilty":null}`, string(d.values[ledgerKey]))
}

// ends plays runs of a collector that end without order while item 1 is alone under way; it returns how many it takes
// until the item is set aside.
func ends(t *testing.T, crashed bool) int {
	d := &disk{values: map[string][]byte{metadataKey: metadata(2, 2, 1), ledgerKey: []byte(`{"running":true}`), "1": []byte("one")}}
	for count := 1; count < 10; count++ {
		s := &store{}
		e, c := open(t, d, s, crashed)
		guarded := c.(*client)
		guarded.setAsidePoison(t.Context())
		if len(s.aside) > 0 {
			assert.NotContains(t, d.values, "1")
			return count
		}
		s.onDeliver = func([][]byte) { panic("the end") }
		assert.Panics(t, func() { guarded.try(t.Context()) })
		_ = e
	}
	return 0
}

func TestSetsAsideAtTheSecondCrash(t *testing.T) { assert.Equal(t, 2, ends(t, true)) }
func TestSetsAsideAtTheFourthKill(t *testing.T)  { assert.Equal(t, 4, ends(t, false)) }
func TestAManyFoldGroupIsCutBeforeItIsJudged(t *testing.T) {
	items := make([]uint64, 1000)
	l := ledger{Running: true}
	l.begin(items, true)
	assert.Len(t, l.Groups, 63)
	l.Trying = true
	l.begin(nil, true)
	assert.Empty(t, l.Poison)
	assert.Equal(t, group{Items: items[:1], Ends: 2}, l.Groups[0])
	l.Trying = true
	l.begin(nil, true)
	assert.Len(t, l.Poison, 1)
}

func TestFiveKillsSoonAfterTheStartAccuseNothing(t *testing.T) {
	for _, dispatched := range []uint64{2, 9, 40, 5000} {
		l := ledger{Running: true}
		items := make([]uint64, dispatched)
		for i := range items {
			items[i] = uint64(i)
		}
		l.begin(items, false)
		for range 4 {
			l.Trying = true
			// Each time something new is in flight beside it.
			dispatched++
			l.begin([]uint64{dispatched}, false)
		}
		assert.Empty(t, l.Poison)
		left := 0
		for _, g := range l.Groups {
			left += len(g.Items)
		}
		assert.Len(t, items, left-4)
	}
}

func TestAKillCostsFewInserts(t *testing.T) {
	items := make([]uint64, 1000)
	l := ledger{Running: true}
	l.begin(items, false)
	assert.Len(t, l.Groups, 8)
}

func TestKillsWhileTheStoreIsDownAccuseNothing(t *testing.T) {
	d := &disk{values: map[string][]byte{metadataKey: metadata(2, 2, 1), ledgerKey: []byte(`{"running":true}`), "1": []byte("one")}}
	for range 10 {
		s := &store{down: true}
		e, c := open(t, d, s, true)
		assert.False(t, c.(*client).pass(t.Context()))
		assert.ErrorIs(t, e.Wait(canceled()), context.Canceled)
	}
	s := &store{}
	_, c := open(t, d, s, true)
	assert.True(t, c.(*client).pass(t.Context()))
	assert.Equal(t, []string{"one"}, s.delivered)
	assert.Empty(t, s.aside)
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestOnAFullDiskReadsWhatIsThereAndRefusesWhatIsNew(t *testing.T) {
	d := &disk{values: map[string][]byte{"1": []byte("one")}}
	_, c := open(t, d, &store{}, false)
	d.full = true
	read := storage.GetOperation("1")
	require.NoError(t, c.Batch(t.Context(), storage.SetOperation(metadataKey, []byte("read")), read))
	assert.Equal(t, "one", string(read.Value))
	require.NoError(t, c.Batch(t.Context(), storage.SetOperation(metadataKey, []byte("done")), storage.DeleteOperation("1")))
	require.ErrorIs(t, c.Batch(t.Context(), storage.SetOperation(metadataKey, []byte("more")), storage.SetOperation("2", []byte("two"))), syscall.ENOSPC)
	assert.Contains(t, d.values, "1")
	d.full = false
	require.NoError(t, c.Batch(t.Context(), storage.SetOperation(metadataKey, []byte("more")), storage.SetOperation("2", []byte("two"))))
	assert.NotContains(t, d.values, "1")
	assert.Equal(t, "more", string(d.values[metadataKey]))
}

func TestWaitsForADiskThatCannotBeReadAndChangesNothingWhenItStops(t *testing.T) {
	d := &disk{values: map[string][]byte{"1": []byte("one")}}
	e, c := open(t, d, &store{}, false)
	d.broken = true
	result := make(chan error)
	go func() {
		result <- c.Batch(context.Background(), storage.SetOperation(metadataKey, []byte("read")), storage.GetOperation("1"))
	}()
	select {
	case err := <-result:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	require.NoError(t, e.NotReady())
	require.ErrorIs(t, <-result, errFrozen)
	d.broken = false
	require.ErrorIs(t, c.Batch(t.Context(), storage.DeleteOperation("1")), errFrozen)
	require.NoError(t, c.Close(t.Context()))
	assert.Equal(t, "one", string(d.values["1"]))
}
