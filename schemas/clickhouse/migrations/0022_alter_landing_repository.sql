-- One repository has one name (schemas/records/repository.ts, canonicalRepository): ASCII letters of what telemetry claims are
-- folded to lower case, but for hosts that tell paths apart by case and for bare names, and github.com is left out. Rows that
-- landed before keep the name they have.

ALTER TABLE otel_traces MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_logs MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_metrics_gauge MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_metrics_sum MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_metrics_histogram MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_metrics_exponential_histogram MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));

ALTER TABLE otel_metrics_summary MODIFY COLUMN Repository String MATERIALIZED multiIf(
    position(multiIf(
        ResourceAttributes['shieldwatch.tenant.repository'] != '', ResourceAttributes['shieldwatch.tenant.repository'],
        ResourceAttributes['vcs.owner.name'] != '', concat(ResourceAttributes['vcs.owner.name'], '/', ResourceAttributes['vcs.repository.name']),
        ResourceAttributes['vcs.repository.name']) AS claimed, '/') = 0, claimed,
    match(claimed, '(?i)^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)/'), concat(lower(substringIndex(claimed, '/', 1)), substring(claimed, position(claimed, '/'))),
    match(claimed, '(?i)^github[.]com/[^/]+/[^/]+$'), lower(substring(claimed, 12)),
    lower(claimed));
