SET LOCAL ROLE bench_owner;

INSERT INTO state_transitions (machine, from_state, to_state, reason) VALUES
    ('rate_approval', '',             'draft',        'An actuary proposes a rate change.'),
    ('rate_approval', 'draft',        'submitted',    'The proposal is complete and its approvers are named.'),
    ('rate_approval', 'draft',        'withdrawn',    'The requester gives it up.'),
    ('rate_approval', 'submitted',    'under_review', 'The first approver opens it.'),
    ('rate_approval', 'submitted',    'draft',        'The requester takes it back to change it.'),
    ('rate_approval', 'submitted',    'withdrawn',    'The requester gives it up.'),
    ('rate_approval', 'under_review', 'approved',     'Enough approvers agreed and none is left.'),
    ('rate_approval', 'under_review', 'rejected',     'An approver refused.'),
    ('rate_approval', 'under_review', 'withdrawn',    'The requester gives it up.'),
    ('rate_approval', 'approved',     'applied',      'The rates took effect.'),
    ('rate_approval', 'approved',     'withdrawn',    'The regulator objected, or the market moved, before the rates took effect.');

CREATE TRIGGER trg_rate_approvals_state BEFORE UPDATE OF status ON rate_approvals
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION enforce_state_transition('rate_approval');
CREATE TRIGGER trg_rate_approvals_initial_state AFTER INSERT ON rate_approvals
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_state_transition('rate_approval');

-- A decision on the whole follows from the decisions of its steps.
CREATE FUNCTION enforce_rate_approval_decision() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    steps record;
BEGIN
    SELECT count(*) FILTER (WHERE decision = 'approved') AS approved,
           count(*) FILTER (WHERE decision = 'rejected') AS rejected,
           count(*) FILTER (WHERE decision = 'pending') AS pending
      INTO steps
      FROM public.rate_approval_steps WHERE rate_approval_id = NEW.id;
    IF NEW.status = 'approved' AND steps.approved >= NEW.required_approvals AND steps.rejected + steps.pending = 0
       OR NEW.status = 'rejected' AND steps.rejected > 0 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'status',
        CONSTRAINT = 'rate_approvals_decision_by_steps',
        MESSAGE = format('rate approval %s cannot be %s: %s of %s steps approved, %s rejected, %s pending',
                         NEW.id, NEW.status, steps.approved, NEW.required_approvals, steps.rejected, steps.pending),
        HINT = CASE NEW.status
            WHEN 'approved' THEN 'Every step must be approved, and at least as many as required_approvals.'
            ELSE 'Reject a step first, with a note.'
        END;
END
$$;

-- Fires after trg_rate_approvals_state, by name: an illegal step is named as such first.
CREATE TRIGGER trg_rate_approvals_steps_decided BEFORE UPDATE OF status ON rate_approvals
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('approved', 'rejected'))
    EXECUTE FUNCTION enforce_rate_approval_decision();

-- A step is decided once, while the whole is under review. The lock makes whoever closes the review wait.
CREATE FUNCTION enforce_rate_approval_step() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    review text;
BEGIN
    SELECT status INTO review FROM public.rate_approvals WHERE id = NEW.rate_approval_id FOR SHARE;
    IF OLD.decision = 'pending' AND review = 'under_review' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'decision',
        CONSTRAINT = 'rate_approval_steps_decided_once',
        MESSAGE = CASE
            WHEN OLD.decision <> 'pending'
                THEN format('step %s of rate approval %s is already %s', OLD.step_number, OLD.rate_approval_id, OLD.decision)
            ELSE format('rate approval %s is %s, not under review', OLD.rate_approval_id, review)
        END,
        HINT = CASE
            WHEN OLD.decision <> 'pending' THEN 'A decision stands. Withdraw the approval and propose the change again.'
            ELSE 'Steps are decided while the approval is under review.'
        END;
END
$$;

CREATE TRIGGER trg_rate_approval_steps_decision BEFORE UPDATE OF decision ON rate_approval_steps
    FOR EACH ROW WHEN (OLD.decision IS DISTINCT FROM NEW.decision)
    EXECUTE FUNCTION enforce_rate_approval_step();

-- Approvers are named before the review, and nobody brings a decision along.
CREATE FUNCTION enforce_new_rate_approval_step() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    review text;
BEGIN
    SELECT status INTO review FROM public.rate_approvals WHERE id = NEW.rate_approval_id FOR SHARE;
    IF NEW.decision = 'pending' AND review IN ('draft', 'submitted') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'decision',
        CONSTRAINT = 'rate_approval_steps_named_before_review',
        MESSAGE = format('a step cannot be added as "%s" to rate approval %s, which is %s',
                         NEW.decision, NEW.rate_approval_id, COALESCE(review, 'unknown')),
        HINT = 'Add steps as "pending" while the approval is a draft or submitted.';
END
$$;

CREATE TRIGGER trg_rate_approval_steps_named_before_review AFTER INSERT ON rate_approval_steps
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_new_rate_approval_step();

-- The entry is written by the same transaction as the change, so neither exists without the other. It runs with the
-- rights of whoever changes, so the entry passes the same row-level security. The trigger's argument is the kind of
-- resource. Acting as the application takes a name: app.user_id.
CREATE FUNCTION log_admin_activity() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor   CONSTANT bigint := nullif(current_setting('app.user_id', true), '');
    before  CONSTANT jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - 'updated_at' END;
    after   CONSTANT jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - 'updated_at' END;
    current CONSTANT jsonb := COALESCE(after, before);
    removed jsonb;
    added   jsonb;
BEGIN
    IF actor IS NULL AND NOT pg_has_role('bench_owner', 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            CONSTRAINT = 'admin_activity_has_actor',
            MESSAGE = format('nobody is named as the author of this change of %s', TG_TABLE_NAME),
            HINT = 'SELECT set_config(''app.user_id'', <id of the user>, true) in the same transaction.';
    END IF;
    SELECT jsonb_object_agg(key, value) INTO removed FROM jsonb_each(before)
      WHERE TG_OP <> 'UPDATE' OR after -> key IS DISTINCT FROM value;
    SELECT jsonb_object_agg(key, value) INTO added FROM jsonb_each(after)
      WHERE TG_OP <> 'UPDATE' OR before -> key IS DISTINCT FROM value;
    -- An update that left everything as it was is no activity.
    IF TG_OP = 'UPDATE' AND added IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.admin_activity_logs
        (tenant_id, actor_user_id, action, resource_type, resource_id, old_values, new_values)
        VALUES (
            current ->> 'tenant_id', actor,
            TG_ARGV[0] || '.' || CASE TG_OP
                WHEN 'INSERT' THEN 'created'
                WHEN 'DELETE' THEN 'removed'
                ELSE COALESCE(added ->> 'status', added ->> 'decision', 'changed')
            END,
            TG_ARGV[0], current ->> 'id', removed, added
        );
    RETURN NULL;
END
$$;

-- What the owner loads has its history with it: new rows are logged for everybody else only.
CREATE TRIGGER trg_rate_approvals_log_insert AFTER INSERT ON rate_approvals
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION log_admin_activity('rate_approval');
CREATE TRIGGER trg_rate_approvals_log_update AFTER UPDATE ON rate_approvals
    FOR EACH ROW EXECUTE FUNCTION log_admin_activity('rate_approval');
CREATE TRIGGER trg_rate_approval_steps_log_decision AFTER UPDATE OF decision ON rate_approval_steps
    FOR EACH ROW WHEN (OLD.decision IS DISTINCT FROM NEW.decision)
    EXECUTE FUNCTION log_admin_activity('rate_approval_step');
CREATE TRIGGER trg_system_settings_log_insert AFTER INSERT ON system_settings
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION log_admin_activity('system_setting');
CREATE TRIGGER trg_system_settings_log_change AFTER UPDATE OR DELETE ON system_settings
    FOR EACH ROW EXECUTE FUNCTION log_admin_activity('system_setting');
CREATE TRIGGER trg_admin_users_log_insert AFTER INSERT ON admin_users
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION log_admin_activity('admin_user');
CREATE TRIGGER trg_admin_users_log_update AFTER UPDATE OF admin_role_id, status, tenant_id, mfa_required ON admin_users
    FOR EACH ROW EXECUTE FUNCTION log_admin_activity('admin_user');

CREATE TRIGGER trg_admin_activity_logs_immutable BEFORE UPDATE ON admin_activity_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change('admin_activity_logs', 'Append a correcting entry.');
CREATE TRIGGER trg_admin_activity_logs_no_truncate BEFORE TRUNCATE ON admin_activity_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(
        'admin_activity_logs', 'The owner deletes what data_retention_policies no longer wants.'
    );

CREATE TRIGGER trg_admin_roles_updated_at BEFORE UPDATE ON admin_roles
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_admin_users_updated_at BEFORE UPDATE ON admin_users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_system_settings_updated_at BEFORE UPDATE ON system_settings
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_rate_approvals_updated_at BEFORE UPDATE ON rate_approvals
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON FUNCTION enforce_rate_approval_decision() IS
    'Refuses to approve or reject a rate change against the decisions of its steps. Error 23514 with constraint rate_approvals_decision_by_steps.';
COMMENT ON FUNCTION enforce_rate_approval_step() IS
    'Refuses to change a decision, or to decide outside a review. Error 23514 with constraint rate_approval_steps_decided_once.';
COMMENT ON FUNCTION enforce_new_rate_approval_step() IS
    'Refuses a step that is added during or after the review, or that is born decided. Error 23514 with constraint rate_approval_steps_named_before_review.';
COMMENT ON FUNCTION log_admin_activity() IS
    'Writes what changed, and who changed it, into admin_activity_logs within the same transaction. Error 23514 with constraint admin_activity_has_actor if app.user_id names nobody.';
COMMENT ON TRIGGER trg_rate_approvals_state ON rate_approvals IS 'An approval moves only along the steps of machine "rate_approval".';
COMMENT ON TRIGGER trg_rate_approvals_initial_state ON rate_approvals IS 'An approval begins as a draft; the owner may take over history in any state.';
COMMENT ON TRIGGER trg_rate_approvals_steps_decided ON rate_approvals IS 'Nobody approves over the heads of the approvers.';
COMMENT ON TRIGGER trg_rate_approvals_log_insert ON rate_approvals IS 'Examiners see who proposed a rate change; the owner''s loads bring their own history.';
COMMENT ON TRIGGER trg_rate_approvals_log_update ON rate_approvals IS 'Examiners see every move of a rate change.';
COMMENT ON TRIGGER trg_rate_approvals_updated_at ON rate_approvals IS 'Work lists refresh by updated_at.';
COMMENT ON TRIGGER trg_rate_approval_steps_decision ON rate_approval_steps IS 'A decision is final and belongs to a review.';
COMMENT ON TRIGGER trg_rate_approval_steps_named_before_review ON rate_approval_steps IS 'Approvers are known before the review begins; the owner may take over history.';
COMMENT ON TRIGGER trg_rate_approval_steps_log_decision ON rate_approval_steps IS 'Examiners see who decided what.';
COMMENT ON TRIGGER trg_system_settings_log_insert ON system_settings IS 'A new setting changes behaviour; the owner''s loads bring their own history.';
COMMENT ON TRIGGER trg_system_settings_log_change ON system_settings IS 'After an outage the first question is which setting changed.';
COMMENT ON TRIGGER trg_system_settings_updated_at ON system_settings IS 'Servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_admin_users_log_insert ON admin_users IS 'Examiners see who was given rights; the owner''s loads bring their own history.';
COMMENT ON TRIGGER trg_admin_users_log_update ON admin_users IS 'Examiners see whose rights changed; mere activity is not logged.';
COMMENT ON TRIGGER trg_admin_users_updated_at ON admin_users IS 'Sign-in servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_admin_roles_updated_at ON admin_roles IS 'Sign-in servers refresh their copy by updated_at.';
COMMENT ON TRIGGER trg_admin_activity_logs_immutable ON admin_activity_logs IS 'Evidence that could be changed proves nothing.';
COMMENT ON TRIGGER trg_admin_activity_logs_no_truncate ON admin_activity_logs IS 'TRUNCATE would erase evidence without touching a row.';
