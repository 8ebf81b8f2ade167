SET LOCAL ROLE bench_owner;

-- A heartbeat a minute for everybody online: last_heartbeat_at is in no index and pages keep free space, so that it
-- stays a heap-only update.
CREATE TABLE websocket_connections (
    id                bigint GENERATED ALWAYS AS IDENTITY,
    user_id           bigint NOT NULL,
    session_id        bigint,
    node              text NOT NULL,
    client_type       text NOT NULL,
    ip_address        inet NOT NULL,
    connected_at      timestamptz NOT NULL DEFAULT now(),
    last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
    disconnected_at   timestamptz,
    disconnect_reason text,
    CONSTRAINT pk_websocket_connections PRIMARY KEY (id),
    CONSTRAINT fk_websocket_connections_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_websocket_connections_session
        FOREIGN KEY (session_id) REFERENCES user_sessions (id) ON DELETE CASCADE,
    CONSTRAINT ck_websocket_connections_node CHECK (node ~ '^[a-z0-9][a-z0-9.-]*$'),
    CONSTRAINT ck_websocket_connections_client_type CHECK (
        client_type IN ('web', 'mobile', 'agent_desktop', 'service')
    ),
    CONSTRAINT ck_websocket_connections_heartbeat_after_connect CHECK (last_heartbeat_at >= connected_at),
    CONSTRAINT ck_websocket_connections_disconnect_after_heartbeat CHECK (disconnected_at >= last_heartbeat_at),
    CONSTRAINT ck_websocket_connections_disconnect CHECK (
        (disconnected_at IS NULL) = (disconnect_reason IS NULL)
    ),
    CONSTRAINT ck_websocket_connections_disconnect_reason CHECK (
        disconnect_reason IN ('client_closed', 'heartbeat_lost', 'replaced', 'node_shutdown', 'error')
    )
) WITH (fillfactor = 80);

CREATE INDEX ix_websocket_connections_active ON websocket_connections (user_id) INCLUDE (node)
    WHERE disconnected_at IS NULL;
CREATE INDEX ix_websocket_connections_node_active ON websocket_connections (node) WHERE disconnected_at IS NULL;
CREATE INDEX ix_websocket_connections_user_id ON websocket_connections (user_id, connected_at DESC);
CREATE INDEX ix_websocket_connections_session_id ON websocket_connections (session_id);
CREATE INDEX ix_websocket_connections_connected_at
    ON websocket_connections USING brin (connected_at) WITH (pages_per_range = 32);

-- No foreign key: ingest must not wait for rows of users, and events outlive the account as figures.
CREATE TABLE analytics_events (
    event_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    occurred_at  timestamptz NOT NULL DEFAULT now(),
    received_at  timestamptz NOT NULL DEFAULT now(),
    event_name   text NOT NULL,
    channel      text NOT NULL,
    user_id      bigint,
    anonymous_id uuid,
    state        text,
    product      text,
    duration_ms  integer,
    amount       numeric(12,2),
    properties   jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT pk_analytics_events PRIMARY KEY (occurred_at, event_id),
    CONSTRAINT ck_analytics_events_event_name CHECK (event_name ~ '^[a-z][a-z_]*\.[a-z][a-z_]*$'),
    CONSTRAINT ck_analytics_events_channel CHECK (channel IN ('web', 'mobile', 'agent_desktop', 'service')),
    CONSTRAINT ck_analytics_events_visitor CHECK (num_nonnulls(user_id, anonymous_id) >= 1),
    CONSTRAINT ck_analytics_events_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_analytics_events_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_analytics_events_clock CHECK (occurred_at <= received_at + interval '5 minutes'),
    CONSTRAINT ck_analytics_events_duration CHECK (duration_ms BETWEEN 0 AND 86400000),
    CONSTRAINT ck_analytics_events_properties CHECK (
        jsonb_typeof(properties) = 'object' AND pg_column_size(properties) <= 8192
    )
) PARTITION BY RANGE (occurred_at);

CREATE INDEX ix_analytics_events_event_name ON analytics_events (event_name, occurred_at DESC);
CREATE INDEX ix_analytics_events_user_id ON analytics_events (user_id, occurred_at DESC) WHERE user_id IS NOT NULL;

CREATE TABLE analytics_events_default PARTITION OF analytics_events DEFAULT;

CREATE TABLE notifications (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    user_id             bigint NOT NULL,
    policy_id           bigint,
    claim_id            bigint,
    channel             text NOT NULL,
    template            text NOT NULL,
    language            text NOT NULL DEFAULT 'en',
    payload             jsonb NOT NULL DEFAULT '{}',
    status              text NOT NULL DEFAULT 'pending',
    priority            text NOT NULL DEFAULT 'normal',
    scheduled_at        timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz,
    attempts            smallint NOT NULL DEFAULT 0,
    last_error          text,
    provider_message_id text,
    sent_at             timestamptz,
    delivered_at        timestamptz,
    read_at             timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_notifications PRIMARY KEY (id),
    CONSTRAINT uq_notifications_provider_message UNIQUE (channel, provider_message_id),
    CONSTRAINT fk_notifications_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_notifications_policy FOREIGN KEY (policy_id) REFERENCES policies (id) ON DELETE SET NULL,
    CONSTRAINT fk_notifications_claim FOREIGN KEY (claim_id) REFERENCES claims (id) ON DELETE SET NULL,
    CONSTRAINT ck_notifications_channel CHECK (channel IN ('email', 'sms', 'push', 'in_app')),
    CONSTRAINT ck_notifications_template CHECK (template ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_notifications_language CHECK (language IN ('en', 'es')),
    CONSTRAINT ck_notifications_payload CHECK (jsonb_typeof(payload) = 'object'),
    CONSTRAINT ck_notifications_status CHECK (
        status IN ('pending', 'sent', 'delivered', 'read', 'failed', 'expired', 'cancelled')
    ),
    CONSTRAINT ck_notifications_priority CHECK (priority IN ('low', 'normal', 'high')),
    CONSTRAINT ck_notifications_expiry CHECK (expires_at > scheduled_at),
    CONSTRAINT ck_notifications_attempts CHECK (attempts BETWEEN 0 AND 10),
    CONSTRAINT ck_notifications_failure CHECK (
        status <> 'failed' OR (last_error IS NOT NULL AND attempts >= 1)
    ),
    CONSTRAINT ck_notifications_sent CHECK (
        status NOT IN ('sent', 'delivered', 'read') OR (sent_at IS NOT NULL AND attempts >= 1)
    ),
    CONSTRAINT ck_notifications_delivered CHECK (status <> 'delivered' OR delivered_at IS NOT NULL),
    CONSTRAINT ck_notifications_read CHECK ((status = 'read') = (read_at IS NOT NULL)),
    CONSTRAINT ck_notifications_order CHECK (delivered_at >= sent_at AND read_at >= COALESCE(delivered_at, sent_at))
);

CREATE INDEX ix_notifications_due ON notifications (scheduled_at) WHERE status = 'pending';
CREATE INDEX ix_notifications_unread ON notifications (user_id, created_at DESC)
    WHERE channel = 'in_app' AND status IN ('sent', 'delivered');
CREATE INDEX ix_notifications_user_id ON notifications (user_id, created_at DESC);
CREATE INDEX ix_notifications_policy_id ON notifications (policy_id);
CREATE INDEX ix_notifications_claim_id ON notifications (claim_id);

-- The figures of a bucket are added to many times a second and are in no index; the free space keeps that heap-only.
CREATE TABLE realtime_metrics (
    metric_name    text NOT NULL,
    bucket_seconds integer NOT NULL,
    bucket_start   timestamptz NOT NULL,
    dimension      text NOT NULL DEFAULT '',
    sample_count   bigint NOT NULL,
    value_sum      numeric(18,4) NOT NULL,
    value_min      numeric(18,4) NOT NULL,
    value_max      numeric(18,4) NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_realtime_metrics PRIMARY KEY (metric_name, bucket_seconds, bucket_start, dimension),
    CONSTRAINT ck_realtime_metrics_metric_name CHECK (metric_name ~ '^[a-z][a-z_]*(\.[a-z][a-z_]*)*$'),
    CONSTRAINT ck_realtime_metrics_bucket_seconds CHECK (bucket_seconds IN (60, 3600, 86400)),
    CONSTRAINT ck_realtime_metrics_bucket_start CHECK (
        extract(epoch FROM bucket_start) % bucket_seconds = 0
    ),
    CONSTRAINT ck_realtime_metrics_sample_count CHECK (sample_count > 0),
    CONSTRAINT ck_realtime_metrics_adds_up CHECK (
        value_min <= value_max
        AND value_sum BETWEEN value_min * sample_count AND value_max * sample_count
    )
) WITH (fillfactor = 80);

CREATE TABLE event_subscriptions (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    user_id                  bigint,
    oauth2_client_id         bigint,
    event_pattern            text NOT NULL,
    channel                  text NOT NULL,
    endpoint_url             text,
    signing_secret_encrypted bytea,
    kms_key_id               text,
    filter                   jsonb NOT NULL DEFAULT '{}',
    status                   text NOT NULL DEFAULT 'active',
    failure_count            smallint NOT NULL DEFAULT 0,
    last_delivered_at        timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_event_subscriptions PRIMARY KEY (id),
    CONSTRAINT uq_event_subscriptions_user UNIQUE (user_id, event_pattern, channel),
    CONSTRAINT uq_event_subscriptions_client UNIQUE (oauth2_client_id, event_pattern, channel),
    CONSTRAINT fk_event_subscriptions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_event_subscriptions_client
        FOREIGN KEY (oauth2_client_id) REFERENCES oauth2_clients (id) ON DELETE CASCADE,
    CONSTRAINT ck_event_subscriptions_one_subscriber CHECK (num_nonnulls(user_id, oauth2_client_id) = 1),
    CONSTRAINT ck_event_subscriptions_event_pattern CHECK (event_pattern ~ '^[a-z][a-z_]*\.([a-z][a-z_]*|\*)$'),
    CONSTRAINT ck_event_subscriptions_channel CHECK (channel IN ('websocket', 'webhook')),
    CONSTRAINT ck_event_subscriptions_webhook CHECK (
        CASE channel
            WHEN 'webhook' THEN oauth2_client_id IS NOT NULL
                AND num_nonnulls(endpoint_url, signing_secret_encrypted, kms_key_id) = 3
            ELSE num_nonnulls(endpoint_url, signing_secret_encrypted, kms_key_id) = 0
        END
    ),
    CONSTRAINT ck_event_subscriptions_endpoint_url CHECK (endpoint_url ~ '^https://[^\s]+$'),
    CONSTRAINT ck_event_subscriptions_encrypted CHECK (octet_length(signing_secret_encrypted) >= 29),
    CONSTRAINT ck_event_subscriptions_filter CHECK (jsonb_typeof(filter) = 'object'),
    CONSTRAINT ck_event_subscriptions_status CHECK (status IN ('active', 'paused', 'failed')),
    CONSTRAINT ck_event_subscriptions_failure_count CHECK (failure_count BETWEEN 0 AND 100)
);

CREATE INDEX ix_event_subscriptions_event_pattern ON event_subscriptions (event_pattern) WHERE status = 'active';
