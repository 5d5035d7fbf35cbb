import { isObject, isOneOf, valueAt } from './reading.js';

/**
 * The settings of Claude Code 2.1.332 for which a value of another type (including null) makes it ignore the whole
 * file. Taken from its program and tested key by key: our hook beside a value of two wrong types, and whether it was
 * called. Claude Code is stricter within some of these (a number has bounds, an array's elements a type); therefore
 * `install` and `status` also ask `claude doctor`, if available.
 */
const KINDS: Readonly<Record<Kind, string>> = {
  boolean: `
    respectGitignore syncClaudeAiSkills syncClaudeAiPlugins wslInheritsWindowsSettings includeCoAuthoredBy
    includeGitInstructions enforceAvailableModels enableAllProjectMcpServers disableClaudeAiConnectors
    disableBundledSkills disableDirectMcpSkills disableAllHooks disableReplyCheck disableAgentView
    disableRemoteControl disableWorkflows disableArtifact enableArtifact enableWorkflows
    workflowKeywordTriggerEnabled disableSkillShellExecution disableWindowsBashCommandSplit bashEditDiffEnabled
    respondToBashCommands allowManagedHooksOnly allowManagedPermissionRulesOnly allowManagedMcpServersOnly
    allowAllClaudeAiMcps allowClaudeInChromeWithManagedMcp disableCommandPluginSources disableSideloadFlags
    allowNestedModelAccessUnderForceLogin forceRemoteSettingsRefresh skipWebFetchPreflight spinnerTipsEnabled
    clawdFileProgressEnabled syntaxHighlightingDisabled terminalTitleFromRename alwaysThinkingEnabled fastMode
    fastModePerSessionOptIn promptSuggestionEnabled emojiCompletionEnabled awaySummaryEnabled
    responseComparisonEnabled showClearContextOnPlanAccept channelsEnabled prefersReducedMotion doneMeansMerged
    totalTokensReminderAfterUserTurn autoMemoryEnabled autoDreamEnabled showThinkingSummaries
    skipDangerousModePermissionPrompt skipWorkflowUsageWarning verbose autoCompactEnabled
    precomputeCompactionEnabled idleCompaction switchModelsOnFlag autoContinueAtUsageLimit autoScrollEnabled
    wheelScrollAccelerationEnabled fileCheckpointingEnabled showTurnDuration showMessageTimestamps
    terminalProgressBarEnabled todoFeatureEnabled remoteControlAtStartup isolatePeerMachines autoUploadSessions
  `,
  string: `
    $schema apiKeyHelper proxyAuthHelper awsCredentialExport awsAuthRefresh gcpAuthRefresh processWrapper
    attributionProject model modelCatalogUrl modelCatalogPublicKey prUrlTemplate otelHeadersHelper outputStyle
    language advisorModel agent minimumVersion requiredMinimumVersion requiredMaximumVersion downloadsMirrorUrl
    plansDirectory timeZone autoMemoryDirectory claudeMd pluginTrustMessage workflowSizeGuideline defaultShell
    parentSettingsBehavior managedSourcesBehavior feedbackDrafts autoUpdatesChannel tui totalTokensReminder
    disableAutoMode daemonColdStart
  `,
  number: `
    cleanupPeriodDays desktopSessionCleanupPeriodDays skillListingMaxDescChars skillListingBudgetFraction
    feedbackSurveyRate totalTokensReminderBudget
  `,
  array: `
    strictKnownMarketplaces allowedMarketplaces blockedMarketplaces fallbackModel availableModels
    allowedHttpHookUrls httpHookAllowedEnvVars pluginSuggestionMarketplaces companyAnnouncements
    allowedChannelPlugins sshConfigs claudeMdExcludes
  `,
  object: `
    attribution fileSuggestion breakReminder quietHours worktree statusLine spinnerVerbs remote voice remoteTools
    env permissions sandbox modelOverrides skillOverrides enabledPlugins pluginConfigs
  `,
};

type Kind = 'boolean' | 'string' | 'number' | 'array' | 'object';

const KIND_OF = new Map(
  (Object.entries(KINDS) as [Kind, string][]).flatMap(([kind, keys]) =>
    keys
      .trim()
      .split(/\s+/)
      .map((key) => [key, kind] as const),
  ),
);

/** Keys within `permissions`, in the same form. */
const RULES = ['allow', 'deny', 'ask', 'additionalDirectories'];

const MODES = ['default', 'manual', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'];

/** Events in which one malformed hook disables the others. */
const OUR_EVENTS = ['PreToolUse', 'PreSkillShellCommand'];

/**
 * Returns the first value for which Claude Code ignores the file: its key, its type and the expected one. Never the
 * value.
 */
export function refusedValue(settings: Readonly<Record<string, unknown>>): string | undefined {
  for (const [key, value] of Object.entries(settings)) {
    const expected = KIND_OF.get(key);
    if (expected !== undefined && kindOf(value) !== expected) return says(key, value, expected);
  }
  const permissions = valueAt(settings, 'permissions');
  for (const rule of RULES) {
    const value = valueAt(permissions, rule);
    if (value !== undefined && !Array.isArray(value)) return says(`permissions.${rule}`, value, 'array');
  }
  const mode = valueAt(permissions, 'defaultMode');
  if (mode !== undefined && !isOneOf(mode, MODES)) return 'permissions.defaultMode is none of its modes';
  const statusLine = settings['statusLine'];
  if (isObject(statusLine) && (statusLine['type'] !== 'command' || typeof statusLine['command'] !== 'string'))
    return 'statusLine is not { "type": "command", "command": ... }';
  const enabled = valueAt(settings, 'sandbox', 'enabled');
  if (enabled !== undefined && typeof enabled !== 'boolean') return says('sandbox.enabled', enabled, 'boolean');
  return OUR_EVENTS.map((event) => refusedHook(event, valueAt(settings, 'hooks', event))).find(
    (refused) => refused !== undefined,
  );
}

const STRINGS = ['command', 'url', 'if', 'statusMessage', 'prompt', 'model'];
const TYPES = ['command', 'http', 'prompt', 'agent', 'mcp_tool'];
const ON_FAILURE = ['continue', 'block'];

function refusedHook(event: string, groups: unknown): string | undefined {
  if (!Array.isArray(groups)) return undefined;
  for (const [index, group] of (groups as unknown[]).entries()) {
    const at = `hooks.${event}[${String(index)}]`;
    const hooks = valueAt(group, 'hooks');
    if (!Array.isArray(hooks)) return `${at} has no array of hooks`;
    const matcher = valueAt(group, 'matcher');
    if (matcher !== undefined && typeof matcher !== 'string') return says(`${at}.matcher`, matcher, 'string');
    for (const hook of hooks as unknown[]) {
      if (!isObject(hook) || !isOneOf(hook['type'], TYPES)) return `${at}.hooks holds something else than a hook`;
      const wrong = STRINGS.find((key) => hook[key] !== undefined && typeof hook[key] !== 'string');
      if (wrong !== undefined) return says(`${at}.hooks: ${wrong}`, hook[wrong], 'string');
      if (hook['timeout'] !== undefined && !(typeof hook['timeout'] === 'number' && hook['timeout'] > 0))
        return `${at}.hooks: timeout is not a number above 0`;
      if (hook['onFailure'] !== undefined && !isOneOf(hook['onFailure'], ON_FAILURE))
        return `${at}.hooks: onFailure is neither "continue" nor "block"`;
      if (hook['shell'] !== undefined && !isOneOf(hook['shell'], ['bash', 'powershell']))
        return `${at}.hooks: shell is neither "bash" nor "powershell"`;
    }
  }
  return undefined;
}

function says(key: string, value: unknown, expected: Kind): string {
  return `${key} is ${value === null ? 'null' : `of kind ${kindOf(value)}`}, expected ${expected}`;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}
