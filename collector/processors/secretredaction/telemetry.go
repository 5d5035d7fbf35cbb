package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scopeName = "shieldwatch.dev/collector/processors/secretredaction"

// telemetry is the processor's own metrics, as metadata.yaml declares them (a test compares).
type telemetry struct {
	masked, dropped     metric.Int64Counter
	kinds               []metric.AddOption
	notAllowed, content metric.AddOption
}

func newTelemetry(settings component.TelemetrySettings, rules []Rule) (*telemetry, error) {
	meter := settings.MeterProvider.Meter(scopeName)
	masked, errMasked := meter.Int64Counter(
		"otelcol_processor_secretredaction_masked",
		metric.WithDescription("Number of secrets replaced, by kind."),
		metric.WithUnit("{secrets}"),
	)
	dropped, errDropped := meter.Int64Counter(
		"otelcol_processor_secretredaction_dropped_attributes",
		metric.WithDescription("Number of attributes dropped, by reason (not_allowed or content)."),
		metric.WithUnit("{attributes}"),
	)
	t := &telemetry{masked: masked, dropped: dropped, notAllowed: label("reason", "not_allowed"), content: label("reason", "content")}
	for _, kind := range kindsOf(rules) {
		t.kinds = append(t.kinds, label("kind", kind))
	}
	return t, errors.Join(errMasked, errDropped)
}

func label(key, value string) metric.AddOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

// add counts what was taken out of one request.
func (t *telemetry) add(ctx context.Context, total *tally) {
	if !total.some {
		return
	}
	for rule, count := range total.masked {
		if count > 0 {
			t.masked.Add(ctx, int64(count), t.kinds[rule])
		}
	}
	if total.dropped > 0 {
		t.dropped.Add(ctx, int64(total.dropped), t.notAllowed)
	}
	if total.content > 0 {
		t.dropped.Add(ctx, int64(total.content), t.content)
	}
}
