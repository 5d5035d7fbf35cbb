import { mkdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** Limits of one query, in the engine's own terms. */
export const DEFAULT_EXECUTION_SECONDS = 30;
export const MAX_EXECUTION_SECONDS = 600;

/**
 * What the writer's role may do. No READ/WRITE ON FILE, URL, REMOTE, S3 ..., no BACKUP, no access management:
 * `readonly=1` would not do it, as a nested `SETTINGS readonly=0` lifts it again.
 */
const GRANTS = [
  'SHOW',
  'SELECT',
  'INSERT',
  'ALTER',
  'CREATE DATABASE',
  'CREATE TABLE',
  'CREATE VIEW',
  'CREATE DICTIONARY',
  'CREATE TEMPORARY TABLE',
  'CREATE FUNCTION',
  'DROP',
  'TRUNCATE',
  'OPTIMIZE',
  'CHECK',
  'KILL QUERY',
  'dictGet',
  'SYSTEM MERGES',
  'SYSTEM TTL MERGES',
  'SYSTEM VIEWS',
  'SYSTEM FLUSH',
];

/** Reach beyond a database: not the admin's. */
const NOT_OF_ADMIN = new Set([
  'CREATE DICTIONARY',
  'CREATE FUNCTION',
  'KILL QUERY',
  'dictGet',
  'SYSTEM MERGES',
  'SYSTEM TTL MERGES',
  'SYSTEM VIEWS',
  'SYSTEM FLUSH',
]);
const ADMIN_GRANTS = GRANTS.filter((each) => !NOT_OF_ADMIN.has(each));

/** Settings whose values are paths that the engine would read or write, without asking for a grant. */
const NAMES_OF_FILES = [
  'format_schema',
  'output_format_schema',
  'format_schema_source',
  'format_template_resultset',
  'format_template_row',
];

/**
 * Writes the engine's configuration into `dir` and returns the path of its main file.
 *
 * Durability: each part is fsynced before its INSERT is acknowledged, so that neither kill -9 nor a
 * power cut loses it. `async_insert` is off
 * (chDB's default is on); a client may turn it on, but not the waiting for its commit off.
 */
export function writeEngineConfig(dir: string, database: string): string {
  mkdirSync(dir, { recursive: true });
  const users = join(dir, 'users.xml');
  const config = join(dir, 'config.xml');
  writeFileSync(users, usersXml(Math.floor(totalmem() / 2), database), { mode: 0o600 });
  writeFileSync(
    config,
    `<clickhouse>
  <users_config>${escapeXml(users)}</users_config>
  <user_directories><users_xml><path>${escapeXml(users)}</path></users_xml></user_directories>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
  <max_server_memory_usage_to_ram_ratio>0.7</max_server_memory_usage_to_ram_ratio>
</clickhouse>
`,
    { mode: 0o600 },
  );
  return config;
}

/**
 * chDB knows one user, `default`, and refuses CREATE USER; but it knows roles. A connection begins with all
 * roles, and the reader's and the admin's drop to their own before their statement (`SET ROLE` cannot be nested in a SELECT).
 */
function usersXml(maxQueryBytes: number, database: string): string {
  return `<clickhouse>
  <profiles><default>
    <max_execution_time>${DEFAULT_EXECUTION_SECONDS}</max_execution_time>
    <max_memory_usage>${maxQueryBytes}</max_memory_usage>
    <async_insert>0</async_insert>
    <implicit_select>0</implicit_select>
    <wait_for_async_insert>1</wait_for_async_insert>
    <output_format_native_write_json_as_string>1</output_format_native_write_json_as_string>
    <constraints>
      <max_execution_time><min>0.001</min><max>${MAX_EXECUTION_SECONDS}</max></max_execution_time>
      <wait_for_async_insert><const/></wait_for_async_insert>
${NAMES_OF_FILES.map((name) => `      <${name}><const/></${name}>`).join('\n')}
    </constraints>
  </default></profiles>
  <roles>
    <writer><grants><query>GRANT ${GRANTS.join(', ')} ON *.*</query></grants></writer>
    <admin><grants><query>GRANT ${ADMIN_GRANTS.join(', ')} ON *.*</query><query>REVOKE ALL ON ${escapeXml(quoteName(database))}.*</query></grants></admin>
    <reader><grants><query>GRANT SELECT ON ${escapeXml(quoteName(database))}.*</query></grants></reader>
  </roles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT writer</query><query>GRANT reader</query><query>GRANT admin</query></grants>
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>
`;
}

function quoteName(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
