package secretredaction

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const secret = "example_" + "fake0000fake"

// redacted is what one attribute map becomes, as text by key.
func redacted(t *testing.T, change func(*Config), ctx context.Context, fill func(pcommon.Map)) map[string]any {
	t.Helper()
	config, err := load(t, "")
	require.NoError(t, err)
	change(config)
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	fill(span.Attributes())
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(ctx, processortest.NewNopSettings(NewFactory().Type()), config, sink)
	require.NoError(t, err)
	require.NoError(t, p.ConsumeTraces(ctx, td))
	return sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
}

func unchanged(*Config) {}

func TestAllowList(t *testing.T) {
	fill := func(m pcommon.Map) {
		for _, key := range []string{"service.name", "acme.team", "acme.", "note", "unknown", "acmex"} {
			m.PutStr(key, "v")
		}
	}
	t.Run("keeps listed keys, prefixes and the operator's own, and counts the rest", func(t *testing.T) {
		require.Equal(t, map[string]any{
			"service.name": "v", "acme.team": "v", "acme.": "v", "note": "v", "counts.dropped.attributes": int64(2),
		}, redacted(t, unchanged, t.Context(), fill))
	})
	t.Run("fails closed when it is empty", func(t *testing.T) {
		none := func(c *Config) { c.AllowedKeys, c.AdditionalAllowedKeys = nil, nil }
		require.Equal(t, map[string]any{"counts.dropped.attributes": int64(6)}, redacted(t, none, t.Context(), fill))
	})
	t.Run("can be switched off", func(t *testing.T) {
		all := func(c *Config) { c.AllowAllKeys = true }
		require.Len(t, redacted(t, all, t.Context(), fill), 6)
	})
}

func TestReservedKeysAreTheClientsNever(t *testing.T) {
	fill := func(m pcommon.Map) {
		m.PutStr("tenant.org", "mine")
		m.PutInt("counts.masked.example-token", 99)
	}
	for _, all := range []bool{true, false} {
		require.Empty(t, redacted(t, func(c *Config) { c.AllowAllKeys = all }, t.Context(), fill))
	}
}

func TestContent(t *testing.T) {
	fill := func(m pcommon.Map) {
		m.PutStr("prompt", "say "+secret)
		m.PutStr("gen_ai.prompt.0.content", "hello")
	}
	header := func(value string) context.Context {
		return client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{"x-content": {value}})})
	}
	t.Run("is dropped and counted", func(t *testing.T) {
		require.Equal(t, map[string]any{"counts.dropped.content": int64(2)}, redacted(t, unchanged, t.Context(), fill))
		require.Equal(t, map[string]any{"counts.dropped.content": int64(2)}, redacted(t, unchanged, header("no"), fill))
	})
	t.Run("is kept, without secrets, where the header says so", func(t *testing.T) {
		require.Equal(t, map[string]any{
			"prompt": "say [REDACTED:example-token]", "gen_ai.prompt.0.content": "hello", "counts.masked.example-token": int64(1),
		}, redacted(t, unchanged, header("keep"), fill))
	})
	t.Run("is dropped where no header is configured", func(t *testing.T) {
		off := func(c *Config) { c.KeepContentHeader = "" }
		require.Equal(t, map[string]any{"counts.dropped.content": int64(2)}, redacted(t, off, header("keep"), fill))
	})
}

func TestValues(t *testing.T) {
	got := redacted(t, unchanged, t.Context(), func(m pcommon.Map) {
		m.PutStr("service.name", secret)
		m.PutEmptyBytes("acme.bytes").FromRaw([]byte("\xff" + secret + "\x00"))
		list := m.PutEmptySlice("acme.list")
		list.AppendEmpty().SetStr(secret)
		list.AppendEmpty().SetInt(7)
		inner := list.AppendEmpty().SetEmptyMap()
		inner.PutStr("a "+secret, "x")
		inner.PutStr("db_password", "a whole sentence")
		inner.PutStr("password", "short")
		inner.PutEmptySlice("passwords").AppendEmpty().SetStr("another sentence")
		m.PutStr("acme."+secret, "in the key")
	})
	require.Equal(t, map[string]any{
		"service.name": "[REDACTED:example-token]",
		"acme.bytes":   []byte("\xff[REDACTED:example-token]\x00"),
		"acme.list": []any{"[REDACTED:example-token]", int64(7), map[string]any{
			"a [REDACTED:example-token]": "x",
			"db_password":                "[REDACTED:assigned-secret]",
			"password":                   "short",
			"passwords":                  []any{"[REDACTED:assigned-secret]"},
		}},
		"acme.[REDACTED:example-token]": "in the key",
		"counts.masked.example-token":   int64(5),
		"counts.masked.assigned-secret": int64(2),
	}, got)
}

func TestWholeListsAndMaps(t *testing.T) {
	password := "Zk8mQv4" + "Rt2Lx"
	got := redacted(t, unchanged, t.Context(), func(m pcommon.Map) {
		require.NoError(t, m.PutEmptySlice("acme.args").FromRaw([]any{"run", "--password", password}))
		require.NoError(t, m.PutEmptyMap("acme.env").FromRaw(map[string]any{"name": "DB_PASSWORD", "value": password}))
		require.NoError(t, m.PutEmptyMap("acme.raw").FromRaw(map[string]any{"password": int64(48151623), "db_password": []byte(password)}))
		require.NoError(t, m.PutEmptySlice("acme.plain").FromRaw([]any{"ls", "-la", int64(7)}))
	})
	for _, key := range []string{"acme.args", "acme.env"} {
		require.IsType(t, "", got[key])
		require.NotContains(t, got[key], password)
	}
	require.Equal(t, map[string]any{"password": "[REDACTED:assigned-secret]", "db_password": "[REDACTED:assigned-secret]"}, got["acme.raw"])
	require.Equal(t, []any{"ls", "-la", int64(7)}, got["acme.plain"])
}

func TestEveryTextOfASpan(t *testing.T) {
	config, err := load(t, "")
	require.NoError(t, err)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl(secret)
	rs.Resource().Attributes().PutStr("note", secret)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl(secret)
	ss.Scope().SetName(secret)
	ss.Scope().SetVersion(secret)
	ss.Scope().Attributes().PutStr("note", secret)
	span := ss.Spans().AppendEmpty()
	span.SetName(secret)
	span.TraceState().FromRaw("a=" + secret)
	span.Status().SetMessage(secret)
	event := span.Events().AppendEmpty()
	event.SetName(secret)
	event.Attributes().PutStr("note", secret)
	link := span.Links().AppendEmpty()
	link.TraceState().FromRaw("a=" + secret)
	link.Attributes().PutStr("note", secret)

	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(NewFactory().Type()), config, sink)
	require.NoError(t, err)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(sink.AllTraces()[0])
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
	out := sink.AllTraces()[0].ResourceSpans().At(0)
	require.Equal(t, map[string]any{"note": "[REDACTED:example-token]", "counts.masked.example-token": int64(6)}, out.Resource().Attributes().AsRaw())
	require.Equal(t, map[string]any{"counts.masked.example-token": int64(7)}, out.ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw())
}

func TestLogs(t *testing.T) {
	config, err := load(t, "")
	require.NoError(t, err)
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	first := records.AppendEmpty()
	first.SetEventName(secret)
	first.SetSeverityText(secret)
	first.Body().SetEmptyMap().PutStr("text", secret)
	for _, named := range []func(plog.LogRecord){
		func(r plog.LogRecord) { r.SetEventName("gen_ai.user.message") },
		func(r plog.LogRecord) { r.Attributes().PutStr("event.name", "gen_ai.user.message") },
	} {
		record := records.AppendEmpty()
		record.Body().SetStr("hello")
		named(record)
	}
	config.AllowedKeys = append(config.AllowedKeys, "event.name")
	sink := new(consumertest.LogsSink)
	p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(NewFactory().Type()), config, sink)
	require.NoError(t, err)
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))
	out := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, "[REDACTED:example-token]", out.At(0).EventName())
	require.Equal(t, "[REDACTED:example-token]", out.At(0).SeverityText())
	require.Equal(t, `{"text":"[REDACTED:example-token]"}`, out.At(0).Body().AsString())
	for _, at := range []int{1, 2} {
		require.Equal(t, pcommon.ValueTypeEmpty, out.At(at).Body().Type())
		count, _ := out.At(at).Attributes().Get("counts.dropped.content")
		require.Equal(t, int64(1), count.Int())
	}
}

func TestMetrics(t *testing.T) {
	config, err := load(t, "")
	require.NoError(t, err)
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	add := func() pmetric.Metric {
		metric := metrics.AppendEmpty()
		metric.SetName(secret)
		metric.SetDescription(secret)
		metric.SetUnit(secret)
		metric.Metadata().PutStr("note", secret)
		return metric
	}
	fill := func(attributes pcommon.Map, exemplars *pmetric.ExemplarSlice) {
		attributes.PutStr("note", secret)
		if exemplars != nil {
			exemplars.AppendEmpty().FilteredAttributes().PutStr("note", secret)
		}
	}
	gauge := add().SetEmptyGauge().DataPoints().AppendEmpty()
	sum := add().SetEmptySum().DataPoints().AppendEmpty()
	histogram := add().SetEmptyHistogram().DataPoints().AppendEmpty()
	exponential := add().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	summary := add().SetEmptySummary().DataPoints().AppendEmpty()
	for _, point := range []struct {
		attributes pcommon.Map
		exemplars  pmetric.ExemplarSlice
	}{{gauge.Attributes(), gauge.Exemplars()}, {sum.Attributes(), sum.Exemplars()}, {histogram.Attributes(), histogram.Exemplars()}, {exponential.Attributes(), exponential.Exemplars()}} {
		fill(point.attributes, &point.exemplars)
	}
	fill(summary.Attributes(), nil)

	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) }()
	settings := processortest.NewNopSettings(NewFactory().Type())
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	sink := new(consumertest.MetricsSink)
	p, err := NewFactory().CreateMetrics(t.Context(), settings, config, sink)
	require.NoError(t, err)
	require.NoError(t, p.ConsumeMetrics(t.Context(), md))
	text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(sink.AllMetrics()[0])
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)

	counted, err := telemetry.GetMetric("otelcol_processor_secretredaction_masked")
	require.NoError(t, err)
	require.Equal(t, int64(5*3+5+4), counted.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
}

func TestTelemetryIsAsDeclared(t *testing.T) {
	text, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	declared, err := confmap.NewRetrievedFromYAML(text)
	require.NoError(t, err)
	conf, err := declared.AsConf()
	require.NoError(t, err)
	metrics, err := conf.Sub("telemetry::metrics")
	require.NoError(t, err)
	source, err := os.ReadFile("telemetry.go")
	require.NoError(t, err)
	for name, block := range metrics.ToStringMap() {
		require.Contains(t, string(source), `"otelcol_`+name+`"`)
		encoded, err := json.Marshal(block.(map[string]any)["description"])
		require.NoError(t, err)
		require.Contains(t, string(source), string(encoded))
	}
	require.Equal(t, len(metrics.ToStringMap()), strings.Count(string(source), "meter.Int64Counter("))
}

// BenchmarkProcessor is the whole processor on 1,000 spans of 15 attributes.
func BenchmarkProcessor(b *testing.B) {
	config := generated(b)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "claude-code")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for range 1000 {
		span := spans.AppendEmpty()
		span.SetName("claude_code.llm_request")
		for i, key := range []string{
			"span.type", "model", "gen_ai.system", "gen_ai.request.model", "llm_request.context", "speed", "query_source_safe", "duration_ms",
			"input_tokens", "output_tokens", "cache_read_tokens", "success", "request_id", "gen_ai.response.finish_reasons", "session.id",
		} {
			span.Attributes().PutStr(key, spanValues[i])
		}
	}
	p, err := NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(NewFactory().Type()), config, consumertest.NewNop())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, p.ConsumeTraces(b.Context(), td))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/span")
}
