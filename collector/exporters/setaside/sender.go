package setaside // import "shieldwatch.dev/collector/exporters/setaside"

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"shieldwatch.dev/collector/exporters/setaside/guardedstorage"
)

const (
	scopeName = "shieldwatch.dev/collector/exporters/setaside"
	// maxAttempts limits the inserts for the refused records of one organisation in one batch.
	maxAttempts = 128
	pingTimeout = 5 * time.Second
)

// sender exports one signal.
type sender[T any] struct {
	signal[T]
	set    exporter.Settings
	config *Config
	store  component.Component
	send   func(context.Context, T) error
	folder folder
	count  metric.Int64Counter
	guard  *guardedstorage.Extension
	client *http.Client
}

var _ guardedstorage.Exporter = (*sender[int])(nil)

func newSender[T any](set exporter.Settings, config *Config, s signal[T], store component.Component, send func(context.Context, T) error) (*sender[T], error) {
	count, err := set.MeterProvider.Meter(scopeName).Int64Counter(
		"otelcol_exporter_set_aside",
		metric.WithDescription("Number of records (by crash: requests) that will never be stored, written to the set-aside folder."),
		metric.WithUnit("{records}"),
	)
	return &sender[T]{signal: s, set: set, config: config, store: store, send: send, count: count, folder: folder{config.SetAside}}, err
}

func (s *sender[T]) start(ctx context.Context, host component.Host) error {
	if err := s.folder.make(); err != nil {
		return fmt.Errorf("set_aside.directory: %w", err)
	}
	tls, err := s.config.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return err
	}
	s.client = &http.Client{Timeout: pingTimeout, Transport: &http.Transport{TLSClientConfig: tls, DisableKeepAlives: true}}
	if queue := s.config.QueueSettings; queue.HasValue() && queue.Get().StorageID != nil {
		if guard, ok := host.GetExtensions()[*queue.Get().StorageID].(*guardedstorage.Extension); ok {
			s.guard = guard
			guard.Register(s.set.ID, s.name, s)
		}
	}
	return s.store.Start(ctx, host)
}

// export stores the queue's data.
func (s *sender[T]) export(ctx context.Context, data T) error {
	if s.guard != nil {
		if err := s.guard.Wait(ctx); err != nil {
			return err
		}
	}
	return s.push(ctx, data)
}

// refused is a part of a batch that the store does not accept.
type refused[T any] struct {
	data   T
	reason string
}

// push stores a batch. Records that the store refuses for their content are found by halving and set aside, once the
// rest of the batch is stored. A batch that fails for another reason is retried as a whole.
func (s *sender[T]) push(ctx context.Context, data T) error {
	reason, err := s.try(ctx, data)
	if reason == "" || s.folder.Directory == "" {
		return err
	}
	tenants := []refused[T]{{data, reason}}
	// Records of one organisation do not affect those of another.
	if parts := s.byOrganisation(data); len(parts) > 1 {
		if tenants, err = s.tryEach(ctx, parts); err != nil {
			return err
		}
	}
	var found []refused[T]
	for _, tenant := range tenants {
		parts, err := s.isolate(ctx, tenant)
		if err != nil {
			return err
		}
		found = append(found, parts...)
	}
	return s.setAside(ctx, found)
}

// try sends a batch. A reason means that the store will never accept it; an error without one, that it may.
func (s *sender[T]) try(ctx context.Context, data T) (reason string, err error) {
	defer func() {
		if r := recover(); r != nil {
			reason, err = reasonOf(errPanic), errPanic
		}
	}()
	if err = s.send(ctx, data); err != nil {
		reason = reasonOf(err)
	}
	return reason, err
}

func (s *sender[T]) tryEach(ctx context.Context, parts []T) ([]refused[T], error) {
	var found []refused[T]
	for _, part := range parts {
		reason, err := s.try(ctx, part)
		if err != nil && reason == "" {
			return nil, err
		}
		if reason != "" {
			found = append(found, refused[T]{part, reason})
		}
	}
	return found, nil
}

// isolate halves refused parts, the largest first, until each is one record or the attempts are used up.
func (s *sender[T]) isolate(ctx context.Context, whole refused[T]) ([]refused[T], error) {
	parts := []refused[T]{whole}
	for attempts := 0; attempts+2 <= maxAttempts; attempts += 2 {
		largest := 0
		for i := range parts {
			if s.records(parts[i].data) > s.records(parts[largest].data) {
				largest = i
			}
		}
		records := s.records(parts[largest].data)
		if records <= 1 {
			break
		}
		halves, err := s.tryEach(ctx, []T{s.slice(parts[largest].data, 0, records/2), s.slice(parts[largest].data, records/2, records)})
		if err != nil {
			return nil, err
		}
		parts = append(slices.Delete(parts, largest, largest+1), halves...)
		if len(parts) == 0 {
			break
		}
	}
	return parts, nil
}

// setAside writes refused records, one file per reason.
func (s *sender[T]) setAside(ctx context.Context, found []refused[T]) error {
	for len(found) > 0 {
		reason, all := found[0].reason, s.empty()
		found = slices.DeleteFunc(found, func(part refused[T]) bool {
			if part.reason == reason {
				s.move(part.data, all)
			}
			return part.reason == reason
		})
		content, err := s.marshal(all)
		if err != nil {
			return err
		}
		if err := s.write(ctx, reason, content, s.records(all)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender[T]) write(ctx context.Context, reason string, content []byte, records int) error {
	if err := s.folder.put(s.name, reason, content); err != nil {
		s.set.Logger.Error("what the store will never take cannot be set aside; it stays in the queue", zap.Error(err))
		return err
	}
	s.count.Add(ctx, int64(records), metric.WithAttributeSet(attribute.NewSet(attribute.String("data_type", s.name), attribute.String("reason", reason))))
	// Without the store's message, which quotes the row.
	s.set.Logger.Error("set aside, since the store will never take it", zap.String("data_type", s.name), zap.String("reason", reason), zap.Int("records", records), zap.String("folder", s.folder.Directory))
	return nil
}

// Reachable returns whether the store answers.
func (s *sender[T]) Reachable(ctx context.Context) error {
	endpoint, err := url.Parse(s.config.Endpoint)
	if err != nil {
		return err
	}
	if endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		connection, err := (&net.Dialer{Timeout: pingTimeout}).DialContext(ctx, "tcp", endpoint.Host)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, (&url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: "/ping"}).String(), http.NoBody)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("the store answers %d", answer.StatusCode)
	}
	return nil
}

// Deliver stores the items of a queue. An unreadable one is set aside.
func (s *sender[T]) Deliver(ctx context.Context, items [][]byte) error {
	all := s.empty()
	for _, item := range items {
		data, err := s.unmarshalItem(item)
		if err != nil {
			if err := s.write(ctx, "unreadable", item, 1); err != nil {
				return err
			}
			continue
		}
		s.move(data, all)
	}
	return s.push(ctx, all)
}

// SetAside keeps an item that crashed the collector. It is not decoded, which may have been the cause.
func (s *sender[T]) SetAside(ctx context.Context, item []byte) error {
	return s.write(ctx, "crash", requestOf(item), 1)
}

// quiet drops what the outer exporter logs again, with its action.
type quiet struct{ zapcore.Core }

func (q quiet) With(fields []zapcore.Field) zapcore.Core { return quiet{q.Core.With(fields)} }

func (q quiet) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(entry.Message, "Exporting failed") {
		return checked
	}
	return q.Core.Check(entry, checked)
}
