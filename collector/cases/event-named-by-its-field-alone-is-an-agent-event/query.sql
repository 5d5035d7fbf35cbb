SELECT agent, event_name, decision, decision_raw FROM agent_event WHERE tool = 'case-event-name'
