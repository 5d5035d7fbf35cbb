// Package guardedstorage is contrib's file_storage with two additions for the queue of an exporter: requests in flight
// when the collector ended are retried alone, so that a request that crashes the collector is found and set aside; and
// nothing is dropped when a disk is full.
package guardedstorage // import "shieldwatch.dev/collector/exporters/setaside/guardedstorage"

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// crashReport is the file in the queue's folder to which the Go runtime writes when it ends the process: a panic or a
// stack overflow. If the process is killed from outside, the file stays empty.
const crashReport = "crash-report"

const (
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Second
)

var errStopping = errors.New("the collector is stopping")

// Exporter is the part of the exporter that the guard uses. Items are in the queue's encoding.
type Exporter interface {
	// Reachable returns nil if the store answers.
	Reachable(ctx context.Context) error
	// Deliver stores the items' content; nil also if some of it was set aside.
	Deliver(ctx context.Context, items [][]byte) error
	// SetAside keeps an item that must not be tried again.
	SetAside(ctx context.Context, item []byte) error
}

// NewFactory creates the extension's factory. Type and configuration are those of contrib's file_storage.
func NewFactory() extension.Factory {
	inner := filestorage.NewFactory()
	return extension.NewFactory(inner.Type(), inner.CreateDefaultConfig,
		func(ctx context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
			files, err := inner.Create(ctx, set, config)
			if err != nil {
				return nil, err
			}
			return newExtension(files.(storage.Extension), config.(*filestorage.Config).Directory, set.Logger), nil
		}, component.StabilityLevelBeta)
}

// Extension provides guarded storage clients.
type Extension struct {
	storage.Extension
	directory string
	logger    *zap.Logger
	// crashed: the Go runtime ended the last run.
	crashed bool

	mu        sync.Mutex
	exporters map[string]Exporter
	clients   []*client

	// open is closed when nothing has to be tried alone.
	open     chan struct{}
	openOnce sync.Once
	// stopping is done when the collector is about to stop.
	stopping context.Context
	stop     context.CancelFunc
	worker   sync.WaitGroup
}

var (
	_ storage.Extension                     = (*Extension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*Extension)(nil)
)

func newExtension(files storage.Extension, directory string, logger *zap.Logger) *Extension {
	e := &Extension{Extension: files, directory: directory, logger: logger, exporters: map[string]Exporter{}, open: make(chan struct{})}
	e.stopping, e.stop = context.WithCancel(context.Background())
	return e
}

// Start reads how the last run ended.
func (e *Extension) Start(ctx context.Context, host component.Host) error {
	if err := e.Extension.Start(ctx, host); err != nil {
		return err
	}
	path := filepath.Join(e.directory, crashReport)
	if info, err := os.Stat(path); err == nil {
		e.crashed = info.Size() > 0
	}
	// Its content is logged and not kept, since a panic can quote any data.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(debug.SetCrashOutput(file, debug.CrashOptions{}), file.Close())
	}
	if err != nil {
		// Then every end counts as a kill.
		e.logger.Warn("the runtime cannot leave a crash report", zap.Error(err))
	}
	return nil
}

// Register names the exporter of a signal's queue; it must be called before the queue requests its storage.
func (e *Extension) Register(id component.ID, signal string, exporter Exporter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.exporters[nameOf(component.KindExporter, id, signal)] = exporter
}

// GetClient opens a component's storage; that of a registered exporter is guarded.
func (e *Extension) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	inner, err := e.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	exporter, ok := e.exporters[nameOf(kind, id, name)]
	if !ok {
		return inner, nil
	}
	c, err := newClient(ctx, inner, exporter, e)
	if err != nil {
		return nil, errors.Join(err, inner.Close(ctx))
	}
	e.clients = append(e.clients, c)
	return c, nil
}

func nameOf(kind component.Kind, id component.ID, name string) string {
	return kind.String() + " " + id.String() + " " + name
}

// Wait returns nil when an exporter may send its queue's items: when nothing is being tried alone.
func (e *Extension) Wait(ctx context.Context) error {
	select {
	case <-e.open:
		return nil
	default:
	}
	select {
	case <-e.open:
		return nil
	case <-e.stopping.Done():
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ready starts the retries of what was in flight when the last run ended.
func (e *Extension) Ready() error {
	e.worker.Go(e.work)
	return nil
}

// NotReady ends all retries and waits.
func (e *Extension) NotReady() error {
	e.stop()
	e.worker.Wait()
	return nil
}

// Shutdown does the same as NotReady, in case the pipelines never started.
func (e *Extension) Shutdown(ctx context.Context) error {
	return errors.Join(e.NotReady(), e.Extension.Shutdown(ctx))
}

// work tries groups alone, one after another over all signals, until each was tried once against an answering store.
// Then the queues resume, and the rest is tried beside them.
func (e *Extension) work() {
	e.mu.Lock()
	clients := append([]*client(nil), e.clients...)
	e.mu.Unlock()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		complete, left := true, 0
		for _, c := range clients {
			complete = c.pass(e.stopping) && complete
			left += c.left()
		}
		if e.stopping.Err() != nil {
			return
		}
		if complete {
			// Each was tried, and the collector still runs.
			e.openOnce.Do(func() { close(e.open) })
		}
		if left == 0 {
			return
		}
		e.sleep(wait)
	}
}

func (e *Extension) isOpen() bool {
	select {
	case <-e.open:
		return true
	default:
		return false
	}
}

// sleep waits, or returns early when the collector is about to stop.
func (e *Extension) sleep(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.stopping.Done():
	}
}
