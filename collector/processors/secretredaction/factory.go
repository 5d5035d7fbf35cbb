// Package secretredaction is a processor that replaces secrets in every string of traces, logs and metrics.
package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

const stability = component.StabilityLevelBeta

// NewFactory creates the processor's factory.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("secretredaction"),
		createDefaultConfig,
		processor.WithTraces(createTraces, stability),
		processor.WithLogs(createLogs, stability),
		processor.WithMetrics(createMetrics, stability),
	)
}

// createDefaultConfig is not valid by itself: there is no redaction without rules.
func createDefaultConfig() component.Config {
	return &Config{}
}

func create(set processor.Settings, config component.Config) (*secretRedaction, error) {
	c := config.(*Config)
	own, err := newTelemetry(set.TelemetrySettings, c.Rules)
	if err != nil {
		return nil, err
	}
	pseudonyms, err := readPseudonyms(c.PseudonymKeyFile)
	if err != nil {
		return nil, err
	}
	return newSecretRedaction(c, pseudonyms, own, set.Logger), nil
}

var mutates = processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})

func createTraces(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	p, err := create(set, config)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, config, next, p.processTraces, mutates)
}

func createLogs(ctx context.Context, set processor.Settings, config component.Config, next consumer.Logs) (processor.Logs, error) {
	p, err := create(set, config)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, config, next, p.processLogs, mutates)
}

func createMetrics(ctx context.Context, set processor.Settings, config component.Config, next consumer.Metrics) (processor.Metrics, error) {
	p, err := create(set, config)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, config, next, p.processMetrics, mutates)
}
