SET LOCAL ROLE bench_owner;

INSERT INTO state_transitions (machine, from_state, to_state, reason) VALUES
    ('notification', '',          'pending',   'Something happened that the user must hear of.'),
    ('notification', 'pending',   'sent',      'The provider took it.'),
    ('notification', 'pending',   'failed',    'The provider refused it or did not answer.'),
    ('notification', 'pending',   'expired',   'It makes no sense any more.'),
    ('notification', 'pending',   'cancelled', 'Overtaken by events, or the user unsubscribed.'),
    ('notification', 'sent',      'delivered', 'The provider''s receipt arrived.'),
    ('notification', 'sent',      'read',      'The user opened it before the receipt arrived.'),
    ('notification', 'sent',      'failed',    'It bounced.'),
    ('notification', 'delivered', 'read',      'The user opened it.'),
    ('notification', 'failed',    'pending',   'It is tried again.'),
    ('notification', 'failed',    'expired',   'It makes no sense any more.'),
    ('notification', 'failed',    'cancelled', 'The address is wrong: a letter is written instead.');

CREATE TRIGGER trg_notifications_state BEFORE UPDATE OF status ON notifications
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION enforce_state_transition('notification');
CREATE TRIGGER trg_notifications_initial_state AFTER INSERT ON notifications
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_state_transition('notification');
CREATE TRIGGER trg_notifications_updated_at BEFORE UPDATE ON notifications
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_realtime_metrics_updated_at BEFORE UPDATE ON realtime_metrics
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_event_subscriptions_updated_at BEFORE UPDATE ON event_subscriptions
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TRIGGER trg_notifications_state ON notifications IS 'A message moves only along the steps of machine "notification".';
COMMENT ON TRIGGER trg_notifications_initial_state ON notifications IS 'A message begins unsent; the owner may take over history in any state.';
COMMENT ON TRIGGER trg_notifications_updated_at ON notifications IS 'Exports pick up changed messages by updated_at.';
COMMENT ON TRIGGER trg_realtime_metrics_updated_at ON realtime_metrics IS 'A dashboard fetches only what changed since its last look.';
COMMENT ON TRIGGER trg_event_subscriptions_updated_at ON event_subscriptions IS 'Delivery nodes refresh their copy by updated_at.';

INSERT INTO data_retention_policies (table_name, time_column, retain_for, action, legal_basis) VALUES
    ('analytics_events', 'occurred_at', '13 months', 'drop_partition',
     'A year against the year before, as the privacy notice says; not longer.'),
    ('websocket_connections', 'connected_at', '30 days', 'delete',
     'Investigation of abuse and outages; nobody needs them longer.'),
    ('notifications', 'created_at', '7 years', 'delete',
     'Proof of notice of cancellation, non-renewal and claim decisions.'),
    ('realtime_metrics', 'bucket_start', '25 months', 'delete',
     'Two full years of figures for planning; they name nobody.');

SELECT ensure_analytics_partitions(3);

REVOKE EXECUTE ON FUNCTION
    ensure_analytics_partitions(integer, integer), drop_analytics_partitions(integer, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_analytics_partitions(integer, integer) TO bench_app;
-- Purging is the owner's affair; the application opens and closes connections and sends messages.
GRANT SELECT, INSERT, UPDATE ON websocket_connections, notifications, realtime_metrics TO bench_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON event_subscriptions TO bench_app;
-- What happened, happened. Partitions are reached through the parent only.
GRANT SELECT, INSERT ON analytics_events TO bench_app;
GRANT USAGE ON SEQUENCE websocket_connections_id_seq, notifications_id_seq, event_subscriptions_id_seq TO bench_app;
