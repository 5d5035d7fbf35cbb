// Package setaside is contrib's ClickHouse exporter with one addition: records that can never be stored do not block
// the others. They are written to a folder, as OTLP, and counted.
package setaside // import "shieldwatch.dev/collector/exporters/setaside"

import (
	"context"
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Config is the ClickHouse exporter's own, with `set_aside`.
type Config struct {
	clickhouseexporter.Config `mapstructure:",squash"`
	SetAside                  FolderConfig `mapstructure:"set_aside"`
}

// FolderConfig is the folder for records that will never be stored. Records that do not fit stay in the queue; all of
// them do if no directory is configured.
type FolderConfig struct {
	Directory string `mapstructure:"directory"`
	// MaxBytes is the maximum size of the folder.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxFiles is the maximum number of files.
	MaxFiles int `mapstructure:"max_files"`
}

// Validate names the invalid key and what was expected.
func (c *Config) Validate() error {
	err := c.Config.Validate()
	if c.SetAside.Directory != "" && (c.SetAside.MaxBytes < 1 || c.SetAside.MaxFiles < 1) {
		err = errors.Join(err, errors.New("set_aside: expected max_bytes and max_files above 0"))
	}
	return err
}

// NewFactory creates the exporter's factory. It has contrib's type, so that a queue's file keeps its name.
func NewFactory() exporter.Factory {
	inner := clickhouseexporter.NewFactory()
	return exporter.NewFactory(
		inner.Type(),
		func() component.Config {
			return &Config{Config: *inner.CreateDefaultConfig().(*clickhouseexporter.Config)}
		},
		exporter.WithTraces(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Traces, error) {
			store, err := inner.CreateTraces(ctx, innerSettings(set), innerConfig(config))
			if err != nil {
				return nil, err
			}
			s, err := newSender(set, config.(*Config), traces, store, store.ConsumeTraces)
			if err != nil {
				return nil, err
			}
			return exporterhelper.NewTraces(ctx, set, config, s.export, s.options()...)
		}, component.StabilityLevelBeta),
		exporter.WithLogs(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Logs, error) {
			store, err := inner.CreateLogs(ctx, innerSettings(set), innerConfig(config))
			if err != nil {
				return nil, err
			}
			s, err := newSender(set, config.(*Config), logs, store, store.ConsumeLogs)
			if err != nil {
				return nil, err
			}
			return exporterhelper.NewLogs(ctx, set, config, s.export, s.options()...)
		}, component.StabilityLevelBeta),
		exporter.WithMetrics(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Metrics, error) {
			store, err := inner.CreateMetrics(ctx, innerSettings(set), innerConfig(config))
			if err != nil {
				return nil, err
			}
			s, err := newSender(set, config.(*Config), metrics, store, store.ConsumeMetrics)
			if err != nil {
				return nil, err
			}
			return exporterhelper.NewMetrics(ctx, set, config, s.export, s.options()...)
		}, component.StabilityLevelBeta),
	)
}

// options: the queue and its retries are the outer exporter's; the time-out is the inner one's, for each attempt.
func (s *sender[T]) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(s.start),
		exporterhelper.WithShutdown(s.store.Shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithQueue(s.config.QueueSettings),
		exporterhelper.WithRetry(s.config.BackOffConfig),
	}
}

func innerConfig(config component.Config) component.Config {
	inner := config.(*Config).Config
	inner.QueueSettings = configoptional.None[exporterhelper.QueueBatchConfig]()
	inner.BackOffConfig.Enabled = false
	return &inner
}

// innerSettings count nothing, because the outer exporter does, and do not repeat the outer one's log messages.
func innerSettings(set exporter.Settings) exporter.Settings {
	set.MeterProvider = noop.NewMeterProvider()
	set.TracerProvider = tracenoop.NewTracerProvider()
	set.Logger = set.Logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return quiet{core} }))
	return set
}
