package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"context"
	"regexp"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

const (
	keepContentValue = "keep"
	// Keys that are named in the log, so that an operator can find what to allow; a flood of made-up keys is not.
	toldKeys = 200
)

// plainKey is a key that can be named in a log.
var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,59}$`)

type secretRedaction struct {
	redactor      *redactor
	keys          *keyPolicy
	contentEvents map[string]bool
	contentHeader string

	countPrefix              string
	maskedNames              []string
	droppedName, contentName string

	logger    *zap.Logger
	told      sync.Map
	toldCount atomic.Int64

	telemetry *telemetry
	walkers   sync.Pool
}

func newSecretRedaction(config *Config, telemetry *telemetry, logger *zap.Logger) *secretRedaction {
	p := &secretRedaction{
		redactor:      newRedactor(config.Rules, config.Vocabulary),
		keys:          newKeyPolicy(config),
		contentEvents: map[string]bool{},
		contentHeader: config.KeepContentHeader,
		countPrefix:   config.CountPrefix,
		droppedName:   config.CountPrefix + "dropped.attributes",
		contentName:   config.CountPrefix + "dropped.content",
		logger:        logger,
		telemetry:     telemetry,
	}
	for _, event := range config.ContentEvents {
		p.contentEvents[event] = true
	}
	for _, rule := range config.Rules {
		p.maskedNames = append(p.maskedNames, config.CountPrefix+"masked."+rule.Name)
	}
	p.walkers.New = func() any {
		return &walker{
			secretRedaction: p,
			record:          p.redactor.newTally(),
			resource:        p.redactor.newTally(),
			total:           p.redactor.newTally(),
		}
	}
	return p
}

func (p *secretRedaction) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	p.walk(ctx, func(w *walker) { w.traces(td) })
	return td, nil
}

func (p *secretRedaction) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	p.walk(ctx, func(w *walker) { w.logs(ld) })
	return ld, nil
}

func (p *secretRedaction) processMetrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p.walk(ctx, func(w *walker) { w.metrics(md) })
	return md, nil
}

func (p *secretRedaction) walk(ctx context.Context, through func(*walker)) {
	w := p.walkers.Get().(*walker)
	defer p.walkers.Put(w)
	w.keepContent = p.keepsContent(ctx)
	through(w)
	p.telemetry.add(ctx, w.total)
	w.total.reset()
}

func (p *secretRedaction) keepsContent(ctx context.Context) bool {
	if p.contentHeader == "" {
		return false
	}
	values := client.FromContext(ctx).Metadata.Get(p.contentHeader)
	return len(values) == 1 && values[0] == keepContentValue
}

// tellDropped logs a dropped key once, unless the key itself may be something private.
func (p *secretRedaction) tellDropped(key string, s *scratch) {
	if p.toldCount.Load() >= toldKeys {
		return
	}
	if _, known := p.told.LoadOrStore(key, struct{}{}); known {
		return
	}
	p.toldCount.Add(1)
	if plainKey.MatchString(key) && !p.redactor.mayChange(key, s) {
		p.logger.Info("attributes of this key are dropped; name it in additional_allowed_keys to keep them", zap.String("key", key))
	}
}
