package guardedstorage // import "shieldwatch.dev/collector/exporters/setaside/guardedstorage"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	// metadataKey is where exporterhelper stores its queue's indices.
	metadataKey = "qmv0"
	ledgerKey   = "shieldwatch.ledger"
)

var errFrozen = errors.New("the collector stops while its queue cannot be written; what is in it stays as it is")

// client is the storage of one queue.
type client struct {
	inner    storage.Client
	exporter Exporter
	guard    *Extension
	logger   *zap.Logger

	// mu guards all below.
	mu     sync.Mutex
	ledger ledger
	// owed are values that could not be written (nil: deleted); they are written with the next successful write. If they
	// are lost with the process, the queue's file is out of date, which causes repeats but no loss.
	owed map[string][]byte
	// frozen: a read failed while the collector stopped. Nothing is written from then on, since the queue would delete
	// what it could not read.
	frozen bool
}

var _ storage.Client = (*client)(nil)

// newClient takes over what was in flight when the last run ended: the queue would read and delete it immediately, and
// lose it if it cannot be written again.
func newClient(ctx context.Context, inner storage.Client, exporter Exporter, guard *Extension) (*client, error) {
	c := &client{inner: inner, exporter: exporter, guard: guard, logger: guard.logger, owed: map[string][]byte{}}
	kept, metadata := storage.GetOperation(ledgerKey), storage.GetOperation(metadataKey)
	if err := inner.Batch(ctx, kept, metadata); err != nil {
		return nil, err
	}
	if kept.Value != nil {
		if err := json.Unmarshal(kept.Value, &c.ledger); err != nil {
			return nil, fmt.Errorf("%s of the queue: %w", ledgerKey, err)
		}
	}
	rest, dispatched, err := takeDispatched(metadata.Value)
	if err != nil {
		return nil, fmt.Errorf("%s of the queue: %w", metadataKey, err)
	}
	c.ledger.begin(dispatched, guard.crashed)
	if groups := c.ledger.Groups; len(groups)+len(c.ledger.Poison) > 0 {
		c.logger.Info("requests in flight when the last run ended are tried before anything else", zap.Int("groups", len(groups)), zap.Int("to_set_aside", len(c.ledger.Poison)), zap.Bool("crashed", guard.crashed))
	}
	ops := []*storage.Operation{c.ledgerOperation()}
	if len(dispatched) > 0 {
		ops = append(ops, storage.SetOperation(metadataKey, rest))
	}
	return c, inner.Batch(ctx, ops...)
}

func (c *client) ledgerOperation() *storage.Operation {
	text, err := json.Marshal(c.ledger)
	if err != nil {
		panic(err) // numbers and booleans only
	}
	return storage.SetOperation(ledgerKey, text)
}

// Get reads one value.
func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

// Set writes one value.
func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete removes one value.
func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch works with a full disk. A new item is refused, and so not acknowledged. For all other operations the queue
// would drop the item on an error: therefore reads are retried for as long as needed, and writes are deferred.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batch(ctx, ops...)
}

func (c *client) batch(ctx context.Context, ops ...*storage.Operation) error {
	if c.frozen {
		return errFrozen
	}
	reads := slices.DeleteFunc(slices.Clone(ops), func(op *storage.Operation) bool { return op.Type != storage.Get })
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := c.inner.Batch(ctx, append(c.owedOperations(), ops...)...)
		if err == nil {
			if len(c.owed) > 0 {
				c.logger.Info("the queue's disk takes writes again")
			}
			clear(c.owed)
			return nil
		}
		if slices.ContainsFunc(ops, isNewItem) {
			return err
		}
		if len(reads) == 0 || c.inner.Batch(ctx, reads...) == nil {
			if len(c.owed) == 0 {
				c.logger.Error("the queue cannot be written; it is read, and what was sent may be sent again after a restart", zap.Error(err))
			}
			c.owe(ops)
			return nil
		}
		c.logger.Error("the queue cannot be read; trying again", zap.Error(err), zap.Duration("in", wait))
		c.guard.sleep(wait)
		if c.guard.stopping.Err() != nil {
			c.frozen = true
			return errFrozen
		}
	}
}

func (c *client) owe(ops []*storage.Operation) {
	for _, op := range ops {
		switch op.Type {
		case storage.Set:
			c.owed[op.Key] = op.Value
		case storage.Delete:
			c.owed[op.Key] = nil
		}
	}
}

func (c *client) owedOperations() []*storage.Operation {
	ops := make([]*storage.Operation, 0, len(c.owed))
	for _, key := range slices.Sorted(maps.Keys(c.owed)) {
		if value := c.owed[key]; value == nil {
			ops = append(ops, storage.DeleteOperation(key))
		} else {
			ops = append(ops, storage.SetOperation(key, value))
		}
	}
	return ops
}

// isNewItem returns whether a key belongs to an item: items have their index as key.
func isNewItem(op *storage.Operation) bool {
	_, err := strconv.ParseUint(op.Key, 10, 64)
	return op.Type == storage.Set && err == nil
}

func itemKey(index uint64) string {
	return strconv.FormatUint(index, 10)
}

// Close records that the run ended in order.
func (c *client) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.Running = false
	if !c.frozen {
		if err := c.inner.Batch(ctx, append(c.owedOperations(), c.ledgerOperation())...); err != nil {
			c.logger.Warn("the queue was not closed in order", zap.Error(err))
		}
	}
	return c.inner.Close(ctx)
}

// left counts what remains to be tried or set aside.
func (c *client) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ledger.Groups) + len(c.ledger.Poison)
}

// pass sets poison items aside and tries each group once; false if the store does not answer.
func (c *client) pass(ctx context.Context) bool {
	c.setAsidePoison(ctx)
	c.mu.Lock()
	count := len(c.ledger.Groups)
	c.mu.Unlock()
	for range count {
		if ctx.Err() != nil || c.exporter.Reachable(ctx) != nil || !c.try(ctx) {
			return false
		}
	}
	return true
}

// try delivers the first group, under a mark that is on disk before anything is sent and removed after any response. A
// group that the store did not accept moves to the end. False if the mark cannot be written.
func (c *client) try(ctx context.Context) bool {
	c.mu.Lock()
	first := c.ledger.Groups[0]
	items, err := c.items(ctx, first.Items)
	if err == nil {
		// Beside ordinary traffic a group would not be alone.
		c.ledger.Trying = !c.guard.isOpen()
		err = c.inner.Batch(ctx, append(c.owedOperations(), c.ledgerOperation())...)
		if err == nil {
			clear(c.owed)
		}
	}
	if err != nil {
		c.ledger.Trying = false
		c.mu.Unlock()
		return false
	}
	c.mu.Unlock()

	err = c.exporter.Deliver(ctx, items)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.Trying = false
	c.ledger.Groups = c.ledger.Groups[1:]
	var ops []*storage.Operation
	if err == nil {
		for _, index := range first.Items {
			ops = append(ops, storage.DeleteOperation(itemKey(index)))
		}
	} else {
		c.logger.Info("what was under way at the last end was not taken by the store; it will be tried again", zap.Error(err))
		c.ledger.Groups = append(c.ledger.Groups, first)
	}
	return c.batch(ctx, append(ops, c.ledgerOperation())...) == nil
}

// setAsidePoison moves poison items to the folder. Items that do not fit stay, and are not tried.
func (c *client) setAsidePoison(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, index := range slices.Clone(c.ledger.Poison) {
		items, err := c.items(ctx, []uint64{index})
		if err == nil && len(items) > 0 {
			err = c.exporter.SetAside(ctx, items[0])
		}
		if err != nil {
			c.logger.Error("a request that took the collector down cannot be set aside; it stays in the queue and is not tried", zap.Error(err))
			continue
		}
		c.ledger.Poison = slices.DeleteFunc(c.ledger.Poison, func(each uint64) bool { return each == index })
		if err := c.batch(ctx, storage.DeleteOperation(itemKey(index)), c.ledgerOperation()); err != nil {
			c.logger.Warn("a request that was set aside stays in the queue's file", zap.Error(err))
		}
	}
}

// items reads items; missing ones are left out.
func (c *client) items(ctx context.Context, indices []uint64) ([][]byte, error) {
	ops := make([]*storage.Operation, len(indices))
	for i, index := range indices {
		ops[i] = storage.GetOperation(itemKey(index))
	}
	if err := c.inner.Batch(ctx, ops...); err != nil {
		return nil, err
	}
	var items [][]byte
	for _, op := range ops {
		if op.Value != nil {
			items = append(items, op.Value)
		}
	}
	return items, nil
}
