SET LOCAL ROLE bench_owner;

INSERT INTO state_transitions (machine, from_state, to_state, reason) VALUES
    ('policy', '',             'draft',        'An application is written down.'),
    ('policy', 'draft',        'bound',        'The insurer commits to the risk.'),
    ('policy', 'draft',        'cancelled',    'The applicant withdraws, or underwriting refuses.'),
    ('policy', 'bound',        'active',       'The effective date has come and the first premium is paid.'),
    ('policy', 'bound',        'cancelled',    'Withdrawn before it took effect (flat cancellation).'),
    ('policy', 'active',       'lapsed',       'A premium was not paid when due.'),
    ('policy', 'active',       'cancelled',    'Ended within the term by the insured or the insurer.'),
    ('policy', 'active',       'expired',      'The term ran out.'),
    ('policy', 'lapsed',       'active',       'Reinstated: the premium arrived within the grace period.'),
    ('policy', 'lapsed',       'cancelled',    'The grace period passed without payment.'),
    ('policy', 'lapsed',       'expired',      'The term ran out during the grace period.'),
    ('policy', 'cancelled',    'active',       'Reinstated without a gap after a cancellation in error.'),
    ('claim',  '',             'reported',     'First notice of loss.'),
    ('claim',  'reported',     'under_review', 'An adjuster takes the claim.'),
    ('claim',  'reported',     'closed',       'Withdrawn by the claimant, or a duplicate.'),
    ('claim',  'under_review', 'approved',     'The loss is covered and its amount agreed.'),
    ('claim',  'under_review', 'denied',       'The loss is not covered.'),
    ('claim',  'under_review', 'closed',       'Withdrawn, or below the deductible.'),
    ('claim',  'approved',     'paid',         'The payment went out.'),
    ('claim',  'approved',     'under_review', 'New facts arrived before the payment.'),
    ('claim',  'paid',         'closed',       'Nothing is left to do.'),
    ('claim',  'denied',       'closed',       'The time to appeal has passed.'),
    ('claim',  'denied',       'reopened',     'The claimant appeals.'),
    ('claim',  'closed',       'reopened',     'Further damage, or a supplement from the repair shop.'),
    ('claim',  'reopened',     'under_review', 'An adjuster takes the claim again.');

CREATE TRIGGER trg_policies_state BEFORE UPDATE OF status ON policies
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION enforce_state_transition('policy');
CREATE TRIGGER trg_policies_initial_state AFTER INSERT ON policies
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_state_transition('policy');
CREATE TRIGGER trg_claims_state BEFORE UPDATE OF status ON claims
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION enforce_state_transition('claim');
CREATE TRIGGER trg_claims_initial_state AFTER INSERT ON claims
    FOR EACH ROW WHEN (NOT pg_has_role('bench_owner', 'USAGE'))
    EXECUTE FUNCTION enforce_state_transition('claim');

-- Personal lines pay for what happens within the term, so the day of the loss decides, not the day of the report.
CREATE FUNCTION enforce_loss_within_term() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    policy record;
BEGIN
    SELECT p.policy_number, p.status, p.effective_date, p.expiration_date,
           (p.cancelled_at AT TIME ZONE 'UTC')::date AS cancelled_on
      INTO policy
      FROM public.policies AS p
      WHERE p.id = NEW.policy_id;
    -- A missing policy is the foreign key's business.
    IF NOT FOUND
       OR policy.status <> 'draft' AND NEW.loss_date >= policy.effective_date
          AND NEW.loss_date < policy.expiration_date
          AND (policy.cancelled_on IS NULL OR NEW.loss_date <= policy.cancelled_on) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME,
        COLUMN = 'loss_date',
        CONSTRAINT = 'claims_loss_within_term',
        MESSAGE = format('policy %s did not cover a loss on %s', policy.policy_number, NEW.loss_date),
        HINT = CASE policy.status
            WHEN 'draft' THEN 'The policy is a draft: bind it, or file the claim on the policy that was in force.'
            ELSE format('It covers losses from %s until before %s: correct the date, or file the claim on the policy that was in force.',
                        policy.effective_date, LEAST(policy.expiration_date, policy.cancelled_on + 1))
        END;
END
$$;

CREATE TRIGGER trg_claims_loss_within_term AFTER INSERT OR UPDATE OF policy_id, loss_date ON claims
    FOR EACH ROW EXECUTE FUNCTION enforce_loss_within_term();

CREATE TRIGGER trg_customers_updated_at BEFORE UPDATE ON customers
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_policies_updated_at BEFORE UPDATE ON policies
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER trg_claims_updated_at BEFORE UPDATE ON claims
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON FUNCTION enforce_loss_within_term() IS
    'Refuses a claim for a loss outside the policy''s term, after its cancellation, or on a draft. Error 23514 with constraint claims_loss_within_term.';
COMMENT ON TRIGGER trg_policies_state ON policies IS 'A policy moves only along the steps of machine "policy".';
COMMENT ON TRIGGER trg_policies_initial_state ON policies IS 'The application writes a policy as a draft first; the owner may take over history in any state.';
COMMENT ON TRIGGER trg_claims_state ON claims IS 'A claim moves only along the steps of machine "claim".';
COMMENT ON TRIGGER trg_claims_initial_state ON claims IS 'A claim begins with the first notice of loss; the owner may take over history in any state.';
COMMENT ON TRIGGER trg_claims_loss_within_term ON claims IS 'Cover is decided by the day of the loss.';
COMMENT ON TRIGGER trg_customers_updated_at ON customers IS 'Exports pick up changed customers by updated_at.';
COMMENT ON TRIGGER trg_policies_updated_at ON policies IS 'Exports pick up changed policies by updated_at.';
COMMENT ON TRIGGER trg_claims_updated_at ON claims IS 'Exports pick up changed claims by updated_at.';

REVOKE EXECUTE ON FUNCTION enforce_state_transition(), set_updated_at(), enforce_loss_within_term() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enforce_state_transition(), set_updated_at(), enforce_loss_within_term() TO bench_app;
GRANT SELECT ON state_transitions TO bench_app;
-- A customer who never bought anything may be erased on request. Policies and claims are records: they end, they
-- are not deleted by the application.
GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO bench_app;
GRANT SELECT, INSERT, UPDATE ON policies, claims TO bench_app;
GRANT USAGE ON SEQUENCE customers_id_seq, policies_id_seq, claims_id_seq TO bench_app;
