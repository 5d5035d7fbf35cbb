export declare const AGENT_PACKAGES: Readonly<Record<string, string>>;
export declare const AGENTS_FOLDER: string;
export declare function areInstalled(): boolean;
export declare function installAgents(): boolean;
