package setaside // import "shieldwatch.dev/collector/exporters/setaside"

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/request"
	"google.golang.org/protobuf/encoding/protowire"
)

// organisationKey is what resource/tenant stamps (collector/config.yaml).
const organisationKey = "shieldwatch.tenant.org_id"

// signal holds the differences between the three signals.
type signal[T any] struct {
	name  string
	empty func() T
	// records counts the units into which a batch can be cut.
	records func(T) int
	// slice copies the records from..to.
	slice func(data T, from, to int) T
	// byOrganisation copies each organisation's part.
	byOrganisation func(T) []T
	// move appends all of one batch to another.
	move func(from, to T)
	// marshal writes an OTLP export request.
	marshal func(T) ([]byte, error)
	// unmarshalItem reads what exporterhelper's queue stores.
	unmarshalItem func([]byte) (T, error)
}

// outside returns a predicate that is true, for records visited in order, outside of from..to.
func outside(from, to int) func() bool {
	index := -1
	return func() bool {
		index++
		return index < from || index >= to
	}
}

func organisationOf(resource pcommon.Resource) string {
	value, _ := resource.Attributes().Get(organisationKey)
	return value.AsString()
}

// parts returns one batch per organisation, in order of first appearance.
type parts[T any] struct {
	all   []T
	index map[string]int
}

func (p *parts[T]) of(organisation string, empty func() T) T {
	i, ok := p.index[organisation]
	if !ok {
		if p.index == nil {
			p.index = map[string]int{}
		}
		i = len(p.all)
		p.index[organisation] = i
		p.all = append(p.all, empty())
	}
	return p.all[i]
}

// reader reads items as exporterhelper does: with the request's context around it, or, of old versions, without.
func reader[T any](withContext func([]byte) (context.Context, T, error), plain func([]byte) (T, error)) func([]byte) (T, error) {
	return func(item []byte) (T, error) {
		_, data, err := withContext(item)
		if errors.Is(err, request.ErrInvalidFormat) {
			return plain(item)
		}
		return data, err
	}
}

// requestField is the number of the OTLP data in exporterhelper's queue items (1: format_version, 2: request_context).
const requestField = 3

// requestOf extracts the OTLP export request of an item; an unwrapped item is returned as it is.
func requestOf(item []byte) []byte {
	var found []byte
	for rest := item; len(rest) > 0; {
		number, kind, head := protowire.ConsumeTag(rest)
		if head < 0 {
			return item
		}
		if number == requestField && kind == protowire.BytesType {
			if found, _ = protowire.ConsumeBytes(rest[head:]); found == nil {
				return item
			}
		}
		length := protowire.ConsumeFieldValue(number, kind, rest[head:])
		if length < 0 {
			return item
		}
		rest = rest[head+length:]
	}
	if found == nil {
		return item
	}
	return found
}

var traces = signal[ptrace.Traces]{
	name:    "traces",
	empty:   ptrace.NewTraces,
	records: ptrace.Traces.SpanCount,
	slice: func(data ptrace.Traces, from, to int) ptrace.Traces {
		out, drop := ptrace.NewTraces(), outside(from, to)
		data.CopyTo(out)
		out.ResourceSpans().RemoveIf(func(resource ptrace.ResourceSpans) bool {
			resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool {
				scope.Spans().RemoveIf(func(ptrace.Span) bool { return drop() })
				return scope.Spans().Len() == 0
			})
			return resource.ScopeSpans().Len() == 0
		})
		return out
	},
	byOrganisation: func(data ptrace.Traces) []ptrace.Traces {
		var p parts[ptrace.Traces]
		for _, resource := range data.ResourceSpans().All() {
			resource.CopyTo(p.of(organisationOf(resource.Resource()), ptrace.NewTraces).ResourceSpans().AppendEmpty())
		}
		return p.all
	},
	move:          func(from, to ptrace.Traces) { from.ResourceSpans().MoveAndAppendTo(to.ResourceSpans()) },
	marshal:       (&ptrace.ProtoMarshaler{}).MarshalTraces,
	unmarshalItem: reader(request.UnmarshalTraces, (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces),
}

var logs = signal[plog.Logs]{
	name:    "logs",
	empty:   plog.NewLogs,
	records: plog.Logs.LogRecordCount,
	slice: func(data plog.Logs, from, to int) plog.Logs {
		out, drop := plog.NewLogs(), outside(from, to)
		data.CopyTo(out)
		out.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
			resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
				scope.LogRecords().RemoveIf(func(plog.LogRecord) bool { return drop() })
				return scope.LogRecords().Len() == 0
			})
			return resource.ScopeLogs().Len() == 0
		})
		return out
	},
	byOrganisation: func(data plog.Logs) []plog.Logs {
		var p parts[plog.Logs]
		for _, resource := range data.ResourceLogs().All() {
			resource.CopyTo(p.of(organisationOf(resource.Resource()), plog.NewLogs).ResourceLogs().AppendEmpty())
		}
		return p.all
	},
	move:          func(from, to plog.Logs) { from.ResourceLogs().MoveAndAppendTo(to.ResourceLogs()) },
	marshal:       (&plog.ProtoMarshaler{}).MarshalLogs,
	unmarshalItem: reader(request.UnmarshalLogs, (&plog.ProtoUnmarshaler{}).UnmarshalLogs),
}

var metrics = signal[pmetric.Metrics]{
	name:    "metrics",
	empty:   pmetric.NewMetrics,
	records: pmetric.Metrics.MetricCount,
	slice: func(data pmetric.Metrics, from, to int) pmetric.Metrics {
		out, drop := pmetric.NewMetrics(), outside(from, to)
		data.CopyTo(out)
		out.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
			resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
				scope.Metrics().RemoveIf(func(pmetric.Metric) bool { return drop() })
				return scope.Metrics().Len() == 0
			})
			return resource.ScopeMetrics().Len() == 0
		})
		return out
	},
	byOrganisation: func(data pmetric.Metrics) []pmetric.Metrics {
		var p parts[pmetric.Metrics]
		for _, resource := range data.ResourceMetrics().All() {
			resource.CopyTo(p.of(organisationOf(resource.Resource()), pmetric.NewMetrics).ResourceMetrics().AppendEmpty())
		}
		return p.all
	},
	move:          func(from, to pmetric.Metrics) { from.ResourceMetrics().MoveAndAppendTo(to.ResourceMetrics()) },
	marshal:       (&pmetric.ProtoMarshaler{}).MarshalMetrics,
	unmarshalItem: reader(request.UnmarshalMetrics, (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics),
}
